//! An actor whose machine panics dies alone.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use std::sync::Arc;
use telemetry::Build;

/// A machine that can be told to go wrong; it has something to do at this time.
struct Fragile(Option<Monotonic>);

enum Order {
    Work,
    Panic,
}

impl Machine for Fragile {
    type Event = Order;
    type Effect = ();
    fn handle(&mut self, order: Order, _: Now, _: &mut Vec<()>) {
        if let Order::Panic = order {
            panic!("on purpose, by a test");
        }
    }
    fn deadline(&self) -> Option<Monotonic> {
        self.0
    }
    fn expire(&mut self, _: Now, _: &mut Vec<()>) {}
    fn is_finished(&self) -> bool {
        false
    }
}

struct Counting(Arc<Telemetry>);

impl Outlet<Fragile> for Counting {
    const KIND: Kind = Kind::Call;
    const GRAIN: Duration = Duration::from_millis(10);
    fn telemetry(&self) -> &Telemetry {
        &self.0
    }
    fn mailbox_max(&self) -> usize {
        8
    }
    fn perform(&mut self, (): ()) -> Option<Order> {
        None
    }
}

#[test]
fn an_actor_whose_machine_panics_dies_alone_is_counted_and_its_neighbour_lives() {
    let build = Build { version: "test", revision: "test", rustc: "test" };
    let telemetry = Arc::new(Telemetry::install(build).unwrap());
    let page = Arc::clone(&telemetry);
    actix_rt::System::new().block_on(async move {
        let start = || Shell::new(Fragile(None), Vec::new(), Counting(Arc::clone(&telemetry)), Clock::start()).start();
        let (fragile, neighbour) = (start(), start());
        assert!(fragile.send(Tell(Order::Work)).await.is_ok());
        assert!(fragile.send(Tell(Order::Panic)).await.is_err(), "the actor that panicked answers no more");
        assert!(fragile.send(Tell(Order::Work)).await.is_err(), "and takes nothing");
        assert!(neighbour.send(Tell(Order::Work)).await.is_ok(), "its neighbour on the same thread lives");
    });
    let page = page.render();
    let shows = |line: &str| assert!(page.lines().any(|shown| shown == line), "{line}");
    shows("tandem_actor_lost_total{actor=\"call\"} 1");
    shows("tandem_actor_lost_total{actor=\"profile\"} 0");
    // The message that was the actor's death was not handled.
    shows("tandem_actor_messages_total{actor=\"call\",outcome=\"ok\"} 2");
}

#[test]
fn what_two_calls_have_to_do_within_ten_milliseconds_is_done_in_one_waking() {
    let build = Build { version: "test", revision: "test", rustc: "test" };
    let telemetry = Arc::new(Telemetry::install(build).unwrap());
    actix_rt::System::new().block_on(async move {
        let woken_at = |due_us| {
            let (tell, told) = std::sync::mpsc::sync_channel(1);
            let machine = Fragile(Some(Monotonic::from_micros(due_us)));
            let mut shell = Shell::new(machine, Vec::new(), Counting(Arc::clone(&telemetry)), Clock::start());
            Shell::create(move |ctx| {
                shell.arm(ctx);
                tell.send(shell.armed.map(|(at, _)| at.as_micros())).unwrap();
                shell
            });
            told.recv().unwrap()
        };
        let hour = 3_600_000_000;
        assert_eq!(woken_at(hour + 1), Some(hour + 10_000));
        assert_eq!(woken_at(hour + 9_000), Some(hour + 10_000));
        assert_eq!(woken_at(hour + 10_000), Some(hour + 10_000));
    });
}
