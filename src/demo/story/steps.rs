//! The steps of the story, one function each: what is done, and what must be true afterwards.
//!
//! Their order is the parent's; amounts follow from `config/deck_example.csv` and from `world`.

use super::super::agent::melody::{Melody, likeness};
use super::super::agent::pbx::News;
use super::super::agent::sound::Heard;
use super::super::api::{CallRow, Company, Entry, Profile};
use super::super::world::{CALLER_ID, CARRIER_MELODY, HUT_CREDIT, PAID_IN, RECHARGE, STUDIO_CREDIT};
use super::watching::PATIENCE;
use super::{Story, amount, must, must_have};
use domain::Micros;
use std::time::Duration;

/// What is dialled. The numbers are kept for fiction.
pub(in crate::demo) const ANSWERS: &str = "+12025550123";
pub(in crate::demo) const BUSY: &str = "+12025550102";
pub(in crate::demo) const EMERGENCY: &str = "911";
pub(in crate::demo) const ECHO: &str = "*43";
/// A dollar a second, one after the other.
pub(in crate::demo) const DEAR: &str = "+441632960155";
const DEAR_TOO: &str = "+441632960123";

/// How long PBXs register for, where nothing stands in the way.
const REGISTERED_S: u32 = 3_600;
/// How long is talked where nothing ends the call before.
const TALK: Duration = Duration::from_secs(2);
/// What the answered call costs: 30 s at 0.008 a minute, rounded up to the cent (R1, R2, R5).
const ANSWERED_COST: Micros = Micros::CENT;
/// A second at the dear rate.
const DEAR_SECOND: Micros = Micros::ONE;
/// How long the studio talks at the dear rate: past the instant at which it is recharged.
const DEAR_TALK: Duration = Duration::from_millis(6_500);
/// How far from the last paid second the end may be heard (R8).
const LATE_MAX: Duration = Duration::from_millis(200);
/// Correlation from which on sound has come through.
const ALIKE: f32 = 0.95;

impl Story<'_> {
    pub(super) fn both_register(&mut self) -> Result<String, String> {
        for office in [&self.world.studio, &self.world.hut] {
            let granted_s = office.pbx.register(REGISTERED_S, PATIENCE)?;
            must(granted_s == REGISTERED_S, || format!("{} was registered for {granted_s} s", office.name))?;
            let profile: Profile = self.world.api.get(&format!("/profiles/{}", office.profile))?;
            let state = profile.credentials.registration.state;
            must(state == "registered", || format!("{} registered, and the API says {state}", office.name))?;
        }
        Ok(format!("registration: both PBXs were challenged and are registered for {REGISTERED_S} s"))
    }

    pub(super) fn both_make_room_for_a_phone(&mut self) -> Result<String, String> {
        for office in [&self.world.studio, &self.world.hut] {
            office.pbx.register(0, PATIENCE)?;
            let profile: Profile = self.world.api.get(&format!("/profiles/{}", office.profile))?;
            let state = profile.credentials.registration.state;
            must(state == "not_registered", || format!("{} unregistered, and the API says {state}", office.name))?;
        }
        Ok("unregistration: both PBXs have gone, and a phone can take their place".to_owned())
    }

    pub(super) fn a_call_is_answered_and_hung_up(&mut self) -> Result<String, String> {
        let office = &self.world.studio;
        let call = office.pbx.call(ANSWERS);
        self.must_be_answered(&call)?;
        self.must_go_on(&call, TALK)?;
        self.must_end(&call)?;
        let record = self.record(office, ANSWERS)?;
        self.must_be(&record, "normal", 200, ANSWERED_COST)?;
        must(record.billed_s == Some(30), || format!("{:?} s were billed, not the minimum of 30", record.billed_s))?;
        must_have(self.world, office, STUDIO_CREDIT - ANSWERED_COST)?;
        let ours = must_be_alike("the PBX", call.heard(), CARRIER_MELODY)?;
        let theirs = self.world.carrier.answered(ANSWERS).ok_or("the carrier knows nothing of the call")?;
        let at_carrier = must_be_alike("the carrier", &theirs.heard, office.melody)?;
        must(theirs.from == CALLER_ID, || format!("the carrier was shown {}, not {CALLER_ID}", theirs.from))?;
        Ok(format!(
            "answered: {} dialled {ANSWERS} and talked {}; both heard each other (correlation {ours:.3} and \
             {at_carrier:.3}), the carrier was shown {CALLER_ID}; 30 s billed, {} USD",
            office.name,
            seconds(record.talked_ms),
            record.amount
        ))
    }

    pub(super) fn a_call_is_refused_by_who_is_busy(&mut self) -> Result<String, String> {
        let office = &self.world.studio;
        let call = office.pbx.call(BUSY);
        let (status, ..) = self.must_be_refused(&call)?;
        must(status == 486, || format!("busy was passed on as {status}, not 486"))?;
        let record = self.record(office, BUSY)?;
        self.must_be(&record, "busy", 486, Micros::ZERO)?;
        must_have(self.world, office, STUDIO_CREDIT - ANSWERED_COST)?;
        Ok(format!("busy: {BUSY} answered 486, and what was held for the call is free again"))
    }

    pub(super) fn an_emergency_call_is_refused_at_once(&mut self) -> Result<String, String> {
        let office = &self.world.hut;
        let call = office.pbx.call(EMERGENCY);
        let (status, reason, _) = self.must_be_refused(&call)?;
        must(status == 503, || format!("{EMERGENCY} was answered {status}, not 503"))?;
        must(reason.contains("cause=38"), || format!("{EMERGENCY} was refused with Reason {reason:?}"))?;
        let record = self.record(office, EMERGENCY)?;
        self.must_be(&record, "emergency_refused", 503, Micros::ZERO)?;
        must(record.attempts.is_empty(), || "a carrier heard of an emergency call".to_owned())?;
        Ok(format!(
            "emergency: {EMERGENCY} was refused with 503 and Q.850 cause 38, so that the PBX takes its own line"
        ))
    }

    pub(super) fn credit_runs_out_while_another_profile_is_recharged(&mut self) -> Result<String, String> {
        let (studio, hut) = (&self.world.studio, &self.world.hut);
        let poor = hut.pbx.call(DEAR);
        self.must_be_answered(&poor)?;
        let answered = poor.at();
        let rich = studio.pbx.call(DEAR_TOO);
        self.must_be_answered(&rich)?;
        self.must_go_on(&rich, DEAR_TALK)?;
        self.must_end(&rich)?;
        // One dollar, one second.
        let paid = Duration::from_micros(HUT_CREDIT.get().unsigned_abs());
        let ended = match self.news_until(&poor, answered + paid + PATIENCE) {
            Some(News::HungUp { .. }) => poor.at().since(answered),
            other => return Err(format!("the call was to be cut after {paid:?}, and there was {other:?}")),
        };
        must(ended.abs_diff(paid) <= LATE_MAX, || format!("the call was cut after {ended:?}, not after {paid:?}"))?;
        let cut = self.record(hut, DEAR)?;
        self.must_be(&cut, "credit_exhausted", 200, HUT_CREDIT)?;
        must_have(self.world, hut, Micros::ZERO)?;
        let recharged = self.record(studio, DEAR_TOO)?;
        let billed_s = recharged.talked_ms.div_ceil(1_000);
        let cost = Micros::new(DEAR_SECOND.get() * i64::try_from(billed_s).unwrap_or(i64::MAX));
        self.must_be(&recharged, "normal", 200, cost)?;
        must_have(self.world, studio, STUDIO_CREDIT - ANSWERED_COST - cost + RECHARGE)?;
        self.must_be_recharged_once()?;
        Ok(format!(
            "cut off: {} talked at 1 USD a second and was cut {:.2} s after the answer, at the last paid second: {} USD, \
             0.00 left. Meanwhile {} spent {} USD and was recharged once, with {RECHARGE} USD",
            hut.name,
            ended.as_secs_f32(),
            cut.amount,
            studio.name,
            recharged.amount
        ))
    }

    fn must_be_recharged_once(&self) -> Result<(), String> {
        let world = self.world;
        let lines: Vec<Entry> = world.api.list(&format!("/profiles/{}/statement", world.studio.profile))?;
        let recharges: Vec<&Entry> = lines.iter().filter(|line| line.code == "auto_recharge").collect();
        let [recharge] = recharges[..] else {
            return Err(format!("{} recharges, and exactly one was due", recharges.len()));
        };
        must(amount(&recharge.amount)? == RECHARGE, || format!("recharged with {}", recharge.amount))?;
        let company: Company = world.api.get(&format!("/companies/{}", world.company))?;
        let left = PAID_IN - STUDIO_CREDIT - HUT_CREDIT - RECHARGE;
        must(amount(&company.credit.balance)? == left, || {
            format!("the company has {}, not {left}", company.credit.balance)
        })
    }

    pub(super) fn without_credit_no_carrier_hears_of_it(&mut self) -> Result<String, String> {
        let office = &self.world.hut;
        let call = office.pbx.call(ANSWERS);
        let (status, _, warning) = self.must_be_refused(&call)?;
        must(status == 402, || format!("a call without credit was answered {status}, not 402"))?;
        let record = self.record(office, ANSWERS)?;
        self.must_be(&record, "no_credit", 402, Micros::ZERO)?;
        must(record.attempts.is_empty(), || "a carrier heard of a call without credit".to_owned())?;
        must_have(self.world, office, Micros::ZERO)?;
        let because = record.refusal.unwrap_or_default();
        Ok(format!("no credit: {} dialled again and was refused with 402 ({because}): {warning}", office.name))
    }

    pub(super) fn the_echo_test_is_free(&mut self) -> Result<String, String> {
        let office = &self.world.hut;
        let call = office.pbx.call(ECHO);
        self.must_be_answered(&call)?;
        self.must_go_on(&call, TALK)?;
        self.must_end(&call)?;
        let record = self.record(office, ECHO)?;
        self.must_be(&record, "normal", 200, Micros::ZERO)?;
        must(record.attempts.is_empty(), || "a carrier heard of the echo test".to_owned())?;
        let alike = must_be_alike("the PBX", call.heard(), office.melody)?;
        Ok(format!(
            "echo: {} dialled {ECHO} without credit and heard itself for {} (correlation {alike:.3}); free",
            office.name,
            seconds(record.talked_ms)
        ))
    }

    /// How the call ended must be this; what it cost is expected of the books from now on.
    fn must_be(&mut self, record: &CallRow, cause: &str, status: u16, cost: Micros) -> Result<(), String> {
        self.expected.answered += u64::from(status == 200);
        self.expected.charged += cost;
        let found = record.cause.as_deref().unwrap_or_default();
        let as_told = found == cause && record.status == Some(status) && amount(&record.amount)? == cost;
        must(as_told, || {
            let status_found = record.status.unwrap_or_default();
            format!(
                "the record of the call to {} says {found}, {status_found}, {} USD; {cause}, {status}, {cost} USD was expected",
                record.dialled, record.amount
            )
        })
    }
}

fn must_be_alike(who: &str, heard: &Heard, melody: Melody) -> Result<f32, String> {
    let alike = likeness(&heard.samples(), melody);
    must(alike >= ALIKE, || {
        format!("{who} heard {} packets, and they are not what was played (correlation {alike:.3})", heard.packets())
    })?;
    Ok(alike)
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100)
}
