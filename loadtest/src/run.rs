//! The one scenario, from provisioning to verdict: register, call on schedule, wait for the last call, compare the books.
//!
//! Who does it is in `crew`; what it came to in `summary`.

use crate::clock::{self, Clock};
use crate::crew::Crew;
use crate::driver;
use crate::figures::{Latencies, Live, one_more, read};
use crate::options::{Callers, Plan};
use crate::pacer::Pacer;
use crate::pbx::{Order, PATIENCE};
use crate::progress::Progress;
use crate::schedule::{Arrivals, Schedule};
use crate::summary::{Run, Summary};
use crate::tandem::Tandem;
use crate::{Error, table};
use domain::Monotonic;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a request may go unanswered: 64*T1 (RFC 3261 timers B and F), twice where it was challenged, and a little.
const ANSWER_WITHIN: Duration = Duration::from_secs(66);
/// How often it is looked whether all is over.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The time that everybody has to get ready before the first call.
const HEAD_START: Duration = Duration::from_millis(100);

/// Runs the load test and shows it; whether all was well.
///
/// # Errors
/// Why it could not begin, or broke off.
pub fn run(plan: &Plan) -> Result<bool, Error> {
    let summary = tell(plan)?;
    let shown = table::table(&summary);
    if plan.options.json {
        eprint!("{shown}");
        println!("{}", serde_json::to_string_pretty(&summary).map_err(|error| Error::Api(error.to_string()))?);
    } else {
        print!("{shown}");
    }
    Ok(summary.ok)
}

/// Runs the load test.
///
/// # Errors
/// Why it could not begin, or broke off.
pub fn tell(plan: &Plan) -> Result<Summary, Error> {
    // Asked for first, so that nobody waits for a run whose histograms cannot be kept.
    let log = plan
        .options
        .hdr_log
        .as_ref()
        .map(|path| File::create(path).map_err(Error::io(format!("--hdr-log {}", path.display()))));
    let log = log.transpose()?;
    let (clock, live) = (Clock::start(), Arc::new(Live::default()));
    let mut chance = clock::chance().map_err(Error::io("/dev/urandom"))?;
    let carrier =
        plan.carrier().map(|address| driver::bind(address).map_err(Error::io(format!("--carrier-listen {address}"))));
    let carrier = carrier.transpose()?;
    let name = format!("{:08x}", chance.next_u64() as u32);
    let (tandem, accounts) = match &plan.callers {
        Callers::Accounts(accounts) => (None, accounts.clone()),
        Callers::Tandem { url, token, pbxs } => {
            let address = carrier.as_ref().map_or(plan.options.target, |(_, address)| *address);
            let tandem = Tandem::provision(url, token, *pbxs, address, &name, plan)?;
            let accounts = tandem.accounts().to_vec();
            (Some(tandem), accounts)
        }
    };
    let began_at = clock::system_time();
    let crew = Crew::start(plan, &accounts, carrier.map(|(socket, _)| socket), clock, &live, chance)?;
    if !plan.options.no_register {
        register(plan, &crew, clock, &live)?;
    }
    let before = tandem.as_ref().map(Tandem::metrics).transpose()?;
    let (began, (lateness, unsent)) = (clock.monotonic(), call(plan, &crew, clock, &live));
    let is_over = read(&live.over) >= read(&live.begun);
    let mut seen = crew.finish(!is_over)?;
    seen.figures.failed.count("the load test could not keep up: no room for another call", unsent);
    let took = clock.monotonic().since(began);
    let after = tandem.as_ref().map(Tandem::metrics).transpose()?;
    let ticks = after.zip(before).map(|(after, before)| after.ticks_since(&before));
    let books = tandem.as_ref().map(|tandem| tandem.books(&seen.figures, clock)).transpose()?;
    if let Some(tandem) = &tandem {
        tandem.leave()?;
    }
    let run = Run { plan, pbxs: accounts.len(), took, lateness: &lateness, seen: &seen, ticks, books };
    if let Some(mut file) = log {
        run.write_log(&mut file, began_at).map_err(Error::io("--hdr-log"))?;
    }
    Ok(run.summary())
}

/// Registers everybody at the given rate, and waits for the outcomes.
fn register(plan: &Plan, crew: &Crew, clock: Clock, live: &Live) -> Result<(), Error> {
    let count = crew.pbxs();
    let rate = plan.options.register_rate;
    // A little less than the beat of the next one.
    let duration = Duration::from_secs_f64((count as f64 - 0.5) / rate);
    let schedule = Schedule::draw(Arrivals::Constant, rate, duration, 0).map_err(Error::Asked)?;
    let start = clock.monotonic() + HEAD_START;
    Pacer::new(&schedule, start).run(
        clock,
        || true,
        |due| {
            crew.order(due.index, Order::Register(due.at));
        },
    );
    let deadline = clock.monotonic() + ANSWER_WITHIN;
    while (read(&live.registrations) as usize) < count && clock.monotonic() < deadline {
        clock.wait_until(clock.monotonic() + LOOK_EVERY);
    }
    Ok(())
}

/// Calls on schedule, and waits until every call is over or must be; how late calls were handed out, and how many could not be.
fn call(plan: &Plan, crew: &Crew, clock: Clock, live: &Live) -> (Latencies, u64) {
    let start = clock.monotonic() + HEAD_START;
    let unsent = AtomicU64::new(0);
    let mut progress = Progress::new(plan.schedule.instants().len() as u64, start);
    let lateness = std::thread::scope(|scope| {
        // Waiting is all that this thread does, so that nothing keeps it from its schedule.
        let pacing = scope.spawn(|| {
            Pacer::new(&plan.schedule, start).run(
                clock,
                || true,
                |due| {
                    if !crew.order(due.index, Order::Call(due.at)) {
                        unsent.fetch_add(1, Ordering::Relaxed);
                        one_more(&live.failed);
                    }
                },
            )
        });
        while !pacing.is_finished() {
            look(&mut progress, clock, live);
        }
        pacing.join().unwrap_or_default()
    });
    let unsent = unsent.into_inner();
    let sent = lateness.count() - unsent;
    let deadline = clock.monotonic() + ANSWER_WITHIN + PATIENCE + plan.options.hold;
    while (read(&live.begun) < sent || read(&live.over) < read(&live.begun)) && clock.monotonic() < deadline {
        look(&mut progress, clock, live);
    }
    progress.finish();
    (lateness, unsent)
}

fn look(progress: &mut Progress, clock: Clock, live: &Live) {
    let now: Monotonic = clock.monotonic();
    progress.show(live, now);
    clock.wait_until(now + LOOK_EVERY);
}
