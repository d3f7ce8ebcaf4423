//! The one owner of all metrics: made from the catalogue, told by facts, rendered for Prometheus.
//!
//! HTTP does not live here, nor the timer that calls [`Telemetry::run_upkeep`].

use crate::actors::ActorHandles;
use crate::calls::CallHandles;
use crate::catalogue::CATALOGUE;
use crate::credit::CreditHandles;
use crate::dns::DnsHandles;
use crate::ears::Ears;
use crate::error::Error;
use crate::exact::{self, ExactCounter};
use crate::families::Maker;
use crate::http::HttpHandles;
use crate::lines;
use crate::media::MediaHandles;
use crate::money::MoneyHandles;
use crate::process::ProcessHandles;
use crate::records::RecordHandles;
use crate::redis::RedisHandles;
use crate::registrar::RegistrarHandles;
use crate::sip::SipHandles;
use crate::webhooks::WebhookHandles;
use domain::Fact;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use std::sync::Arc;

/// What the program was built from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Build {
    /// Its version.
    pub version: &'static str,
    /// The source revision; `unknown` where it was not built from a repository.
    pub revision: &'static str,
    /// The compiler's version.
    pub rustc: &'static str,
}

/// Every metric of the process. Shared by reference (`Arc`) among all threads; telling it something takes no lock.
pub struct Telemetry {
    pub(crate) recorder: PrometheusRecorder,
    exporter: PrometheusHandle,
    exact: Vec<Arc<ExactCounter>>,
    pub(crate) process: ProcessHandles,
    pub(crate) actors: ActorHandles,
    pub(crate) sip: SipHandles,
    pub(crate) registrar: RegistrarHandles,
    pub(crate) calls: CallHandles,
    pub(crate) media: MediaHandles,
    pub(crate) money: MoneyHandles,
    pub(crate) credit: CreditHandles,
    pub(crate) redis: RedisHandles,
    pub(crate) dns: DnsHandles,
    pub(crate) records: RecordHandles,
    pub(crate) http: HttpHandles,
    pub(crate) webhooks: WebhookHandles,
    pub(crate) ears: Ears,
}

impl std::fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Telemetry")
    }
}

impl Telemetry {
    /// Makes every metric of the catalogue, counters at 0. No global recorder is set: metrics are born here only.
    ///
    /// # Errors
    /// [`Error::Catalogue`] where code and catalogue differ, which the tests rule out.
    pub fn install(build: Build) -> Result<Telemetry, Error> {
        let recorder = recorder()?;
        let mut maker = Maker::new(&recorder);
        let process = ProcessHandles::make(&mut maker, build)?;
        let actors = ActorHandles::make(&mut maker)?;
        let sip = SipHandles::make(&mut maker)?;
        let registrar = RegistrarHandles::make(&mut maker)?;
        let calls = CallHandles::make(&mut maker, &recorder)?;
        let media = MediaHandles::make(&mut maker)?;
        let money = MoneyHandles::make(&mut maker)?;
        let credit = CreditHandles::make(&mut maker)?;
        let redis = RedisHandles::make(&mut maker)?;
        let dns = DnsHandles::make(&mut maker)?;
        let records = RecordHandles::make(&mut maker)?;
        let http = HttpHandles::make(&mut maker)?;
        let webhooks = WebhookHandles::make(&mut maker)?;
        let exact = maker.finish()?;
        let exporter = recorder.handle();
        Ok(Telemetry {
            recorder,
            exporter,
            exact,
            process,
            actors,
            sip,
            registrar,
            calls,
            media,
            money,
            credit,
            redis,
            dns,
            records,
            http,
            webhooks,
            ears: Ears::default(),
        })
    }

    /// Counts a fact, writes its line where it is worth one, and tells who listens.
    pub fn tell(&self, fact: &Fact) {
        self.count(fact);
        lines::write(fact);
        self.ears.hear(fact);
    }

    fn count(&self, fact: &Fact) {
        match fact {
            Fact::CallAttempted { direction, .. } => self.calls.on_attempted(*direction),
            Fact::CallProgressed { direction, successful, ringing, after } => {
                self.calls.on_progressed(*direction, *successful, *ringing, *after);
            }
            Fact::CallAdmitted { direction, after } => self.calls.on_admitted(*direction, *after),
            Fact::LegDisconnected { direction, after } => self.calls.on_disconnected(*direction, *after),
            Fact::CallAnswered { direction, .. } => self.calls.on_answered(*direction),
            Fact::CallEnded { direction, cause, refusal, status, talked, .. } => {
                self.calls.on_ended(*direction, *cause, *status, *talked);
                refusal.iter().for_each(|refusal| self.sip.on_refused(*refusal));
            }
            Fact::CarrierAttempted { carrier, result, post_dial_delay } => {
                self.calls.on_carrier_attempted(carrier, *result, *post_dial_delay);
            }
            Fact::CarrierProbed { carrier, round_trip } => self.calls.on_carrier_probed(carrier, *round_trip),
            // The gauges are read before each scrape.
            Fact::CarrierTurned { .. } | Fact::CarrierEnrolled { .. } => {}
            // Counted by the cause of the call's end, and by the ledger's entries.
            Fact::CreditExhausted { .. }
            | Fact::ChargeTicked { .. }
            | Fact::CreditLow { .. }
            | Fact::WebhookDisabled { .. }
            | Fact::NumberAssigned { .. }
            | Fact::NumberReleased { .. }
            | Fact::SubscriptionChanged { .. }
            | Fact::CallerIdChanged { .. }
            | Fact::EmergencyRefused { .. }
            // The gauge is read before each scrape.
            | Fact::BreakerOpened { .. }
            // Counted apart: not every ban has a line.
            | Fact::SourceBanned { .. }
            | Fact::BanLifted { .. } => {}
            Fact::KeysInClear { side, .. } => self.media.on_keys_in_clear(*side),
            Fact::ChargeAnswered { after } => self.money.on_charge_answered(*after),
            Fact::RegistrationChanged { outcome, .. } => self.registrar.on_changed(*outcome),
            Fact::RegistrationConflicted { .. } => self.registrar.on_conflicted(),
            Fact::Authenticated(outcome) => self.sip.on_authenticated(*outcome),
            Fact::LedgerPosted { code, applied, amount, currency } => {
                self.money.on_posted(*code, *applied, *amount, *currency);
            }
            Fact::AutoRecharged { outcome, .. } | Fact::CompanyRecharged { outcome, .. } => {
                self.money.on_recharged(*outcome);
            }
            Fact::PaymentAnswered { result, .. } => self.money.on_payment_answered(*result),
            Fact::FraudSeen { rule, .. } => self.money.on_fraud_seen(*rule),
            Fact::FraudBlocked { rule, .. } => self.money.on_fraud_blocked(*rule),
            Fact::CreditRisked { outcome, amount, currency, .. } => self.money.on_risked(*outcome, *amount, *currency),
        }
    }

    /// Moves histogram samples into their buckets; to be called every 5 seconds, else they pile up in memory.
    pub fn run_upkeep(&self) {
        self.exporter.run_upkeep();
    }

    /// Everything, in the text format of Prometheus.
    pub fn render(&self) -> String {
        self.process.take_log_counts();
        let mut text = self.exporter.render();
        exact::render(&self.exact, &mut text);
        text
    }
}

fn recorder() -> Result<PrometheusRecorder, Error> {
    let mut builder = PrometheusBuilder::new();
    for row in CATALOGUE {
        if let Some(buckets) = row.buckets {
            let set = builder.set_buckets_for_metric(Matcher::Full(row.name.to_owned()), buckets);
            builder = set.map_err(|error| Error::Catalogue { name: row.name, problem: error.to_string() })?;
        }
    }
    Ok(builder.build_recorder())
}
