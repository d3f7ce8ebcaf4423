//! A password is changed while the PBX is registered (S10, D-18): it goes on calling until it registers again.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod world;

use domain::Micros;
use sip::digest::Ha1;
use store::Signed;
use world::{Beginning, Pbx, REALM, World, answer_with, hear};

fn renew(world: &World) -> String {
    let ha1 = |user: &str, password: &store::Password| {
        let ha1 = Ha1::new(user, REALM, password.reveal());
        store::Ha1 { md5: ha1.md5, sha256: ha1.sha256 }
    };
    let signed = Signed { by: "test", at: actors::clock::wall() };
    let password = world.store.renew_password(world.profile, &ha1, signed).unwrap();
    world.exchange.reload().unwrap();
    password.reveal().to_owned()
}

/// Places a call that the carrier refuses as busy. Gives the final answer.
fn call(pbx: &mut Pbx, world: &World) -> String {
    pbx.to_tag.clear();
    pbx.send_proven("INVITE", "12025550123");
    let trying = pbx.hear();
    if trying.starts_with("SIP/2.0 100") {
        let (invite, switch) = hear(&world.carrier);
        answer_with(&world.carrier, &invite, switch, "486 Busy Here");
        let (ack, _) = hear(&world.carrier);
        assert!(ack.starts_with("ACK"), "{ack}");
        pbx.hear_final()
    } else {
        trying
    }
}

#[actix_rt::test]
async fn the_old_password_calls_from_the_live_binding_only_and_registers_no_more() {
    let world = World::start(&Beginning { channels: 2, profile_credit: Micros::from_cents(100), rate: "0.02" });
    let mut pbx = Pbx::of(&world, "registered");
    let user = world.sip_user.clone();
    pbx.send_proven("REGISTER", &user);
    assert!(pbx.hear_final().starts_with("SIP/2.0 200"));

    let new_password = renew(&world);
    let told = call(&mut pbx.another_call("old-from-binding"), &world);
    assert!(told.starts_with("SIP/2.0 486"), "the live binding pins its password: {told}");
    let mut elsewhere = Pbx::of(&world, "old-from-elsewhere");
    let told = call(&mut elsewhere, &world);
    assert!(told.starts_with("SIP/2.0 403"), "{told}");

    let mut refresh = pbx.another_call("refresh");
    refresh.send_proven("REGISTER", &user);
    assert!(refresh.hear_final().starts_with("SIP/2.0 403"));

    let mut renewed = pbx.another_call("new");
    renewed.password = new_password;
    renewed.send_proven("REGISTER", &user);
    assert!(renewed.hear_final().starts_with("SIP/2.0 200"));
    let told = call(&mut pbx.another_call("old-after-new"), &world);
    assert!(told.starts_with("SIP/2.0 403"), "whoever registered anew has the new password: {told}");
}
