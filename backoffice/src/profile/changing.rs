//! Creating and changing profiles, and their passwords (P4, P5, P7, S11, C2, C3, K6, K8).
//!
//! Channels of the ledger follow in [`crate::channel`].

use super::{
    Authentication, CreatedProfile, NewAutoRecharge, NewProfile, Profile, ProfilePatch, ProfileStateName,
    RevealedPassword,
};
use crate::caller::Caller;
use crate::channel::rounded_channels;
use crate::credit::AMOUNT_MAX;
use crate::error::{Error, Result};
use crate::fraud::Rules;
use crate::office::Office;
use crate::recharge;
use crate::text::Text;
use domain::fraud::{FraudAction, FraudRules, SpendLimit};
use domain::{Caps, CertificateName, Micros, ProfileId, WarnBefore};
use std::net::SocketAddr;
use store::{AutoRecharge, Ha1, Password, ProfileAuth, ProfileState};

fn auth(wanted: Authentication) -> ProfileAuth {
    let sources = wanted.ip.iter().map(|source| SocketAddr::new(source.address, source.port)).collect();
    let certificates = wanted.certificates.into_iter().map(|name| name.0).collect();
    ProfileAuth { registration: wanted.registration, sources, certificates }
}

/// Names in certificates are agreed with whoever issues those: operators give them, and a company's own change leaves them.
fn auth_by(caller: &Caller, wanted: Authentication, now: &[CertificateName]) -> Result<ProfileAuth> {
    let wanted = auth(wanted);
    if wanted.certificates == now || caller.operator("say whom a certificate proves").is_ok() {
        return Ok(wanted);
    }
    if !wanted.certificates.is_empty() {
        caller.operator("say whom a certificate proves")?;
    }
    Ok(ProfileAuth { certificates: now.to_vec(), ..wanted })
}

/// As it is given: who writes a whole profile is not asked twice. [`crate::recharge`] asks (K7).
fn auto_recharge(wanted: NewAutoRecharge) -> Result<AutoRecharge> {
    recharge::checked("/auto_recharge", wanted.amount.0, wanted.threshold.0)
}

fn cap(field: &'static str, most: Text<Micros>) -> Result<Micros> {
    let most = most.0;
    if most.is_positive() && most <= AMOUNT_MAX {
        return Ok(most);
    }
    Err(Error::field(field, format!("{most} is no bound of calls: expected more than 0 and at most {AMOUNT_MAX}")))
}

fn warn_before(wanted: Vec<u16>) -> Result<WarnBefore> {
    WarnBefore::new(&wanted).map_err(|problem| Error::field("/warn_before_s", problem.to_string()))
}

impl Office {
    /// What was asked for, or else a cap of the day (D-16).
    fn rules_of_new(&self, wanted: Option<&Rules>) -> Result<FraudRules> {
        if let Some(wanted) = wanted {
            return wanted.checked();
        }
        let limit = |amount| SpendLimit { amount, action: FraudAction::Refuse };
        let daily_cap = self.inner.settings.new_profile_daily_cap.map(limit);
        Ok(FraudRules { daily_cap, ..FraudRules::default() })
    }

    fn ha1(&self, user: &str, password: &Password) -> Ha1 {
        let sip::digest::Ha1 { md5, sha256 } =
            sip::digest::Ha1::new(user, &self.inner.settings.realm, password.reveal());
        Ha1 { md5, sha256 }
    }

    /// Creates a profile, with SIP user and password of our making.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] (the company), [`crate::Error::Invalid`], [`crate::Error::Conflict`] (a carrier's source, another's certificate name),
    /// [`crate::Error::OperatorOnly`] (certificate names),
    /// [`crate::Error::LedgerUnavailable`].
    pub fn create_profile(&self, caller: &Caller, new: NewProfile) -> Result<CreatedProfile> {
        let company = new.company.0;
        caller.may_see(company, "company", company)?;
        if new.static_contact.is_some() {
            caller.operator("say where PBXs are called that do not register")?;
        }
        if new.credit_failure.is_some() {
            caller.operator("say what calls do while the ledger cannot answer")?;
        }
        let caller_id = new.caller_id.map(|number| number.0);
        self.check_caller_id(caller, company, caller_id)?;
        let wanted = store::NewProfile {
            id: self.mint(ProfileId::mint),
            company,
            name: new.name,
            sip_user: None,
            channels: rounded_channels(new.channels, self.inner.settings.channels_max)?,
            calls_per_second: new.calls_per_second,
            auth: auth_by(caller, new.authentication, &[])?,
            contact: new.static_contact.map(|contact| contact.0),
            caller_id,
            auto_recharge: new.auto_recharge.map(auto_recharge).transpose()?,
            require_plus: new.require_plus,
            incoming_to: new.incoming_to.into(),
            srtp: new.srtp.into(),
            t38: new.t38.into(),
            dtmf: new.dtmf.into(),
            advice: new.advice_of_charge.into(),
            credit_failure: new.credit_failure.map(|wanted| wanted.checked()).transpose()?.unwrap_or_default(),
            caps: Caps {
                max_rate: match new.max_rate {
                    Some(most) => most.map(|most| cap("/max_rate", most)).transpose()?,
                    None => self.inner.settings.new_profile_max_rate,
                },
                max_call_cost: new.max_call_cost.map(|most| cap("/max_call_cost", most)).transpose()?,
            },
            fraud_rules: self.rules_of_new(new.fraud.as_ref())?,
            daily_cap_follows: new.fraud.is_none(),
            warn_before: new.warn_before_s.map(warn_before).transpose()?,
        };
        let ha1 = |user: &str, password: &Password| self.ha1(user, password);
        let (profile, password) = self.store().create_profile(&wanted, &ha1, self.signed(caller))?;
        self.settle_channels(profile.id)?;
        self.reload()?;
        let sip_user = profile.sip_user.clone();
        let profile = self.show_profile(profile, &[], &[]);
        Ok(CreatedProfile { profile, sip_user, sip_password: password.reveal().to_owned() })
    }

    /// Changes a profile. Calls that are up go on (P4, C11).
    ///
    /// # Errors
    /// [`crate::Error::NotFound`], [`crate::Error::Invalid`], [`crate::Error::Conflict`] (a carrier's source, another's certificate name),
    /// [`crate::Error::OperatorOnly`] (its state, certificate names),
    /// [`crate::Error::LedgerUnavailable`].
    pub fn update_profile(&self, caller: &Caller, id: ProfileId, patch: ProfilePatch) -> Result<Profile> {
        let row = self.profile_row(caller, id)?;
        if patch.state.is_some() {
            caller.operator("suspend profiles and set them free")?;
        }
        if patch.static_contact.is_some() {
            caller.operator("say where PBXs are called that do not register")?;
        }
        if patch.credit_failure.is_some() {
            caller.operator("say what calls do while the ledger cannot answer")?;
        }
        let caller_id = patch.caller_id.map(|wanted| wanted.map(|number| number.0));
        self.check_caller_id(caller, row.company, caller_id.flatten())?;
        let state = |name| match name {
            ProfileStateName::Active => ProfileState::Active,
            ProfileStateName::Suspended => ProfileState::Suspended,
        };
        let wanted = store::ProfilePatch {
            name: patch.name,
            state: patch.state.map(state),
            channels: patch
                .channels
                .map(|asked| rounded_channels(asked, self.inner.settings.channels_max))
                .transpose()?,
            calls_per_second: patch.calls_per_second,
            auth: patch.authentication.map(|wanted| auth_by(caller, wanted, &row.auth.certificates)).transpose()?,
            contact: patch.static_contact.map(|contact| contact.map(|contact| contact.0)),
            caller_id,
            auto_recharge: patch.auto_recharge.map(|wanted| wanted.map(auto_recharge).transpose()).transpose()?,
            require_plus: patch.require_plus,
            incoming_to: patch.incoming_to.map(Into::into),
            srtp: patch.srtp.map(Into::into),
            t38: patch.t38.map(Into::into),
            dtmf: patch.dtmf.map(Into::into),
            advice: patch.advice_of_charge.map(Into::into),
            credit_failure: patch.credit_failure.map(|wanted| wanted.checked()).transpose()?,
            max_rate: patch.max_rate.map(|most| most.map(|most| cap("/max_rate", most)).transpose()).transpose()?,
            max_call_cost: patch
                .max_call_cost
                .map(|most| most.map(|most| cap("/max_call_cost", most)).transpose())
                .transpose()?,
            warn_before: patch.warn_before_s.map(|wanted| wanted.map(warn_before).transpose()).transpose()?,
        };
        self.store().update_profile(id, &wanted, self.signed(caller))?;
        // Whatever was changed: an earlier change of channels may have found no ledger.
        self.settle_channels(id)?;
        self.reload()?;
        self.profile(caller, id)
    }

    /// The password of a profile; noted in the audit (P5).
    ///
    /// # Errors
    /// [`crate::Error::NotFound`].
    pub fn reveal_password(&self, caller: &Caller, id: ProfileId) -> Result<RevealedPassword> {
        let sip_user = self.profile_row(caller, id)?.sip_user;
        let password = self.store().reveal_password(id, self.signed(caller))?;
        Ok(RevealedPassword { sip_user, sip_password: password.reveal().to_owned() })
    }

    /// Gives a profile a new password of our making (S11).
    ///
    /// # Errors
    /// [`crate::Error::NotFound`].
    pub fn renew_password(&self, caller: &Caller, id: ProfileId) -> Result<RevealedPassword> {
        let sip_user = self.profile_row(caller, id)?.sip_user;
        let ha1 = |user: &str, password: &Password| self.ha1(user, password);
        let password = self.store().renew_password(id, &ha1, self.signed(caller))?;
        self.reload()?;
        Ok(RevealedPassword { sip_user, sip_password: password.reveal().to_owned() })
    }
}
