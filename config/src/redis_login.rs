//! What the files say that `[ledger]` names for Redis: password, authorities, certificate. Where Redis is stands in
//! [`crate::redis_url`]; who connects with these is `ledger`.

use crate::fault::Fault;
use crate::secret::{Secret, read};
use crate::{ConfigFaults, Settings};

/// What is needed besides the place to speak with Redis.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedisLogin {
    /// From `ledger.password_file`.
    pub password: Option<Secret>,
    /// What a URL of `rediss` needs; none for plain ones.
    pub tls: Option<RedisTls>,
}

/// Texts in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisTls {
    /// From `ledger.ca_file`, or `tls.ca_file`.
    pub authorities: String,
    /// From `ledger.certificate_file` and `ledger.key_file`: what we show, where Redis wants a certificate.
    pub identity: Option<(String, Secret)>,
}

impl Settings {
    /// Reads what Redis needs alone: for who only looks at the ledger.
    ///
    /// # Errors
    /// Every file that cannot be read, or is empty.
    pub fn redis_login(&self) -> Result<RedisLogin, ConfigFaults> {
        let mut faults = Vec::new();
        let login = self.read_redis_login(&mut faults);
        if faults.is_empty() { Ok(login) } else { Err(ConfigFaults { file: "secrets".to_owned(), faults }) }
    }

    pub(crate) fn read_redis_login(&self, faults: &mut Vec<Fault>) -> RedisLogin {
        let ledger = &self.ledger;
        let password = self.read_redis_password(faults);
        if !ledger.url.as_ref().is_some_and(|url| url.is_tls) {
            return RedisLogin { password, tls: None };
        }
        let (key, path) = match &ledger.ca_file {
            Some(path) => ("ledger.ca_file", path),
            None => ("tls.ca_file", &self.tls.ca_file),
        };
        let authorities = read(key, path, faults);
        let identity = ledger.certificate_file.as_ref().zip(ledger.key_file.as_ref()).and_then(|(certificate, key)| {
            let certificate = read("ledger.certificate_file", certificate, faults);
            certificate.zip(read("ledger.key_file", key, faults).map(Secret::new))
        });
        RedisLogin { password, tls: authorities.map(|authorities| RedisTls { authorities, identity }) }
    }

    /// Redis has its own rules for passwords: anything but nothing is taken.
    fn read_redis_password(&self, faults: &mut Vec<Fault>) -> Option<Secret> {
        let path = self.ledger.password_file.as_ref()?;
        let text = read("ledger.password_file", path, faults)?;
        match text.trim() {
            "" => {
                let help = "the password alone, on one line; without one, leave ledger.password_file out";
                faults.push(Fault::new(format!("{}: there is no password in it", path.display())).with_help(help));
                None
            }
            password => Some(Secret::new(password)),
        }
    }
}
