//! How a profile is shown: the store's row beside the ledger's balances and the switch's binding.
//!
//! Nothing is changed here.

use super::{
    Authentication, AutoRecharge, CallerId, Channels, Credentials, Profile, ProfileAccount, ProfileCredit,
    ProfileNumber, Registration, SipServer, Source,
};
use crate::caller::Caller;
use crate::credit::Credit;
use crate::credit_failure::CreditFailure;
use crate::error::Result;
use crate::office::Office;
use crate::page::{Page, PageAsk};
use crate::posting::{profile_channels, profile_money};
use crate::text::Text;
use domain::fact::Transport;
use domain::srtp::SrtpPolicy;
use domain::{CompanyId, E164, ProfileId};
use std::collections::{BTreeMap, BTreeSet};
use store::ProfileState;
use switch::registration::Binding;

/// Accounts that are shown with their profile: there may be a hundred thousand (W5).
const ACCOUNTS_SHOWN: usize = 100;

pub(super) fn registration(binding: Option<&Binding>) -> Registration {
    Registration {
        state: match binding {
            None => "not_registered",
            Some(binding) if binding.lost_with().is_some() => "unreachable",
            Some(_) => "registered",
        }
        .to_owned(),
        contact: binding.map(|binding| binding.contact.to_string()),
        source: binding.map(|binding| binding.seen_from().to_string()),
        transport: binding.map(|binding| binding.seen_over().as_str().to_owned()),
        node: binding.and_then(|binding| binding.elsewhere.as_ref()).map(|elsewhere| elsewhere.node.to_string()),
        behind_nat: binding.map(|binding| binding.behind_nat),
        user_agent: binding.map(|binding| binding.user_agent.to_string()),
        since: binding.map(|binding| binding.since.to_string()),
        refreshed_at: binding.map(|binding| binding.refreshed_at.to_string()),
        expires_at: binding.map(|binding| binding.expires_at.to_string()),
    }
}

fn authentication(auth: &store::ProfileAuth) -> Authentication {
    let ip = auth.sources.iter().map(|source| Source { address: source.ip(), port: source.port() }).collect();
    let certificates = auth.certificates.iter().cloned().map(Text).collect();
    Authentication { registration: auth.registration, ip, certificates }
}

/// L1: a number of the company, or a landline elsewhere.
fn caller_id(number: Option<E164>, is_online: bool) -> CallerId {
    let mode = match number {
        None => "none",
        Some(_) if is_online => "number",
        Some(_) => "landline",
    };
    CallerId { mode: mode.to_owned(), number: number.map(|number| number.to_string()) }
}

/// P7: without channels it registers, and every call is refused.
const fn state(profile: &store::Profile) -> &'static str {
    match profile.state {
        ProfileState::Suspended => "suspended",
        ProfileState::Active if profile.channels == 0 => "inactive",
        ProfileState::Active => "active",
    }
}

/// What is worth mending about a profile, for who looks after its PBX.
fn warnings(row: &store::Profile, binding: Option<&Binding>) -> Vec<String> {
    let mut told = Vec::new();
    // Whoever is known by its address sends datagrams.
    let by_address = (!row.auth.sources.is_empty() && row.contact.is_none()).then_some(Transport::Udp);
    let in_clear = binding.map(Binding::seen_over).or(by_address).filter(|transport| {
        // Keys over these are secret on the way (RFC 4568 7).
        !matches!(transport, Transport::Tls | Transport::Wss)
    });
    if let (SrtpPolicy::Preferred, Some(transport)) = (row.srtp, in_clear) {
        let transport = transport.as_str();
        told.push(format!(
            "srtp is preferred, and the PBX speaks SIP over {transport}: whoever reads that has the keys and hears the calls; let it register over TLS"
        ));
    }
    told
}

impl Office {
    /// One profile.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`].
    pub fn profile(&self, caller: &Caller, id: ProfileId) -> Result<Profile> {
        let row = self.profile_row(caller, id)?;
        let numbers = self.store().numbers(Some(row.company))?;
        let accounts = self.store().accounts(Some(row.company))?;
        Ok(self.show_profile(row, &numbers, &accounts))
    }

    /// The profiles that the caller may see, or one company's, in order of identity.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] (another's company), [`crate::Error::Invalid`] (cursor).
    pub fn profiles(&self, caller: &Caller, company: Option<CompanyId>, ask: &PageAsk) -> Result<Page<Profile>> {
        let company = caller.limit_to(company)?;
        let rows = self.store().profiles(company)?;
        let mut by_profile = BTreeMap::<ProfileId, Vec<store::Number>>::new();
        let accounts = self.store().accounts(company)?;
        let attached: BTreeMap<_, _> = accounts.iter().map(|account| (account.id, account.profile)).collect();
        for number in self.store().numbers(company)? {
            let by_account = || number.account.and_then(|account| attached.get(&account).copied().flatten());
            if let Some(profile) = number.profile.or_else(by_account) {
                by_profile.entry(profile).or_default().push(number);
            }
        }
        let mut accounts_by_profile = BTreeMap::<ProfileId, Vec<store::Account>>::new();
        for account in accounts {
            if let Some(profile) = account.profile {
                accounts_by_profile.entry(profile).or_default().push(account);
            }
        }
        let numbers = |id| by_profile.get(&id).map_or(&[][..], Vec::as_slice);
        let accounts = |id| accounts_by_profile.get(&id).map_or(&[][..], Vec::as_slice);
        Page::of_sorted(
            rows,
            ask,
            |row| row.id,
            |row| {
                let (numbers, accounts) = (numbers(row.id), accounts(row.id));
                Ok(self.show_profile(row, numbers, accounts))
            },
        )
    }

    /// The row of a profile that the caller may see.
    pub(crate) fn profile_row(&self, caller: &Caller, id: ProfileId) -> Result<store::Profile> {
        let profile = self.store().profile(id)?;
        caller.may_see(profile.company, "profile", id)?;
        Ok(profile)
    }

    /// Whether a number is one of the company's online numbers.
    fn is_online(&self, company: CompanyId, number: Option<E164>) -> bool {
        number.is_none_or(|number| self.store().number_owner(number).is_ok_and(|owner| owner == Some(company)))
    }

    /// `numbers` and `accounts`: its own, perhaps among others of its company.
    pub(super) fn show_profile(
        &self,
        row: store::Profile,
        numbers: &[store::Number],
        accounts: &[store::Account],
    ) -> Profile {
        let money = self.balance(profile_money(row.company, row.id, row.currency));
        let in_use = self.balance(profile_channels(row.company, row.id)).held;
        let binding = self.inner.switchboard.binding(row.id);
        let attached = || accounts.iter().filter(|account| account.profile == Some(row.id));
        let by_account: BTreeSet<_> = attached().map(|account| Some(account.id)).collect();
        let own = numbers.iter().filter(|it| it.profile == Some(row.id) || by_account.contains(&it.account));
        Profile {
            id: row.id.to_string(),
            company: row.company.to_string(),
            fraud: self.fraud_in_brief(&row),
            state: state(&row).to_owned(),
            require_plus: row.require_plus,
            incoming_to: row.incoming_to.into(),
            srtp: row.srtp.into(),
            t38: row.t38.into(),
            dtmf: row.dtmf.into(),
            advice_of_charge: row.advice.into(),
            credit_failure: CreditFailure::of(row.credit_failure),
            max_rate: row.caps.max_rate.map(|most| most.to_string()),
            max_call_cost: row.caps.max_call_cost.map(|most| most.to_string()),
            warn_before_s: row.warn_before.map(|times| times.seconds().collect()),
            warnings: warnings(&row, binding.as_deref()),
            created_at: row.created_at.to_string(),
            credentials: Credentials {
                domain: self.inner.settings.domain.clone(),
                realm: self.inner.settings.realm.clone(),
                servers: self.sip_servers(),
                authentication: authentication(&row.auth),
                static_contact: row.contact.as_ref().map(ToString::to_string),
                registration: registration(binding.as_deref()),
                sip_user: row.sip_user,
            },
            channels: Channels { subscribed: row.channels, in_use },
            calls_per_second: row.calls_per_second,
            credit: ProfileCredit {
                credit: Credit::of(money, row.currency),
                auto_recharge: row.auto_recharge.map(|recharge| AutoRecharge {
                    amount: recharge.amount.to_string(),
                    threshold: recharge.threshold.to_string(),
                }),
            },
            accounts: attached()
                .take(ACCOUNTS_SHOWN)
                .map(|account| ProfileAccount {
                    id: account.id.to_string(),
                    name: account.name.clone(),
                    extension: account.extension.clone(),
                })
                .collect(),
            numbers: own
                .map(|number| ProfileNumber {
                    id: number.id.to_string(),
                    number: number.number.to_string(),
                    caller_id_allowed: number.caller_id_allowed,
                })
                .collect(),
            caller_id: caller_id(row.caller_id, self.is_online(row.company, row.caller_id)),
            name: row.name,
        }
    }

    /// Every transport at every listener (P6).
    fn sip_servers(&self) -> Vec<SipServer> {
        let server = |(transport, address): (Transport, std::net::SocketAddr)| SipServer {
            transport: transport.as_str().to_owned(),
            address: address.ip().to_string(),
            port: address.port(),
        };
        self.inner.switchboard.listeners().into_iter().map(server).collect()
    }
}
