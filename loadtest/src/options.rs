//! The command line, and the plan that comes of it.
//!
//! What the flags' values look like is in `amounts` and `users`.

use crate::amounts;
use crate::schedule::{Arrivals, Schedule};
use crate::users::{self, PBXS_MAX};
use crate::{Error, media::Program};
use clap::Parser;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;
use telephone::Account;

/// Threads for each side's sound at most.
const MEDIA_THREADS_MAX: usize = 16;
/// The longest call: a day.
const HOLD_MAX: Duration = Duration::from_secs(86_400);

const EXAMPLE: &str = "\
Examples:
  Any SIP server, whose account 101 may dial 600:
    LOADTEST_PASSWORD=secret tandem-loadtest --target 192.0.2.10:5060 --user 101 --dial 600 --rate 5 --duration 30s
  The same with the load test as the carrier too: the server routes 600 to 192.0.2.20:5070
    tandem-loadtest --target 192.0.2.10 --users users.txt --dial 600 --carrier-listen 192.0.2.20:5070 --rate 50
  A Tandem, which is given a company, profiles, a deck and the carrier first, and whose books are compared at the end:
    tandem-loadtest --target 127.0.0.1:5060 --tandem-api http://127.0.0.1:8080 --token-file token \\
      --pbxs 10 --rate 200 --duration 30s --hold 3.5s

Exit code: 0 where all was well; 1 where more than --max-failed calls failed, a registration failed, --p99-setup-ms was
exceeded or the books did not agree; 2 where it could not begin.";

/// Open-loop load test of a SIP server: PBXs register, place challenged calls with sound on a schedule fixed in advance, and
/// hang up; latency counts from the scheduled time.
#[derive(Clone, Debug, Parser)]
#[command(name = "tandem-loadtest", version, after_help = EXAMPLE)]
pub struct Options {
    /// The server: an IP, with a port or without.
    #[arg(long, value_name = "IP[:PORT]", value_parser = amounts::address)]
    pub target: SocketAddr,
    /// What stands behind the @ of the server's SIP addresses; without it: the target.
    #[arg(long, value_name = "NAME")]
    pub domain: Option<String>,
    /// The number that is called.
    #[arg(long, value_name = "NUMBER", default_value = "+12025550123")]
    pub dial: String,
    /// The only PBX's SIP user.
    #[arg(long, requires = "password", conflicts_with_all = ["users", "tandem_api"])]
    pub user: Option<String>,
    /// Its password; or the environment variable LOADTEST_PASSWORD, which other users of the machine cannot read.
    #[arg(long, env = "LOADTEST_PASSWORD", hide_env_values = true)]
    pub password: Option<String>,
    /// A file of SIP users, one a line: USER PASSWORD. Each is a PBX.
    #[arg(long, value_name = "FILE", conflicts_with = "tandem_api")]
    pub users: Option<PathBuf>,
    /// The REST API of a Tandem: company, profiles, deck and carrier are made there, and its books are read at the end.
    #[arg(long, value_name = "URL", requires = "token_file")]
    pub tandem_api: Option<String>,
    /// A file with an operator's token, the last word of its first line.
    #[arg(long, value_name = "FILE", requires = "tandem_api")]
    pub token_file: Option<PathBuf>,
    /// PBXs, with --tandem-api: each is a profile.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub pbxs: usize,
    /// The address of this machine that PBXs call from; without it: the one from which the target is reached.
    #[arg(long, value_name = "IP")]
    pub listen: Option<IpAddr>,
    /// Plays the carrier too, here. With --tandem-api: a free port where nothing is said.
    #[arg(long, value_name = "IP[:PORT]", value_parser = amounts::address)]
    pub carrier_listen: Option<SocketAddr>,
    /// What the carrier says into its calls.
    #[arg(long, value_enum, default_value_t = Program::Echo)]
    pub carrier_sound: Program,
    /// How long the carrier rings before it answers.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = amounts::duration)]
    pub carrier_rings: Duration,
    /// Calls a second.
    #[arg(long, default_value = "10", value_parser = amounts::rate)]
    pub rate: f64,
    /// How calls follow each other.
    #[arg(long, value_enum, default_value_t = Arrivals::Poisson)]
    pub arrivals: Arrivals,
    /// For how long new calls begin.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = amounts::duration)]
    pub duration: Duration,
    /// Talk time of a call, from its 200 to our BYE.
    #[arg(long, value_name = "TIME", default_value = "5.5s", value_parser = amounts::duration)]
    pub hold: Duration,
    /// No RTP: calls are set up and ended only.
    #[arg(long)]
    pub no_media: bool,
    /// PBXs do not register.
    #[arg(long)]
    pub no_register: bool,
    /// Registrations a second, before the calls.
    #[arg(long, value_name = "RATE", default_value = "100", value_parser = amounts::rate)]
    pub register_rate: f64,
    /// Seconds that PBXs want to be registered.
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600)]
    pub expires: u32,
    /// Names the schedule: the same number gives the same one.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Threads for the sound of each side.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub media_threads: usize,
    /// Prints the summary as one JSON object on standard output; what people read goes to standard error.
    #[arg(long)]
    pub json: bool,
    /// Writes all histograms to a file that HdrHistogram's tools read.
    #[arg(long, value_name = "FILE")]
    pub hdr_log: Option<PathBuf>,
    /// Calls that may fail.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_failed: u64,
    /// Milliseconds that 99 % of the calls may need to be set up.
    #[arg(long, value_name = "MS")]
    pub p99_setup_ms: Option<u64>,
}

/// Who calls.
#[derive(Clone, Debug)]
pub enum Callers {
    /// These.
    Accounts(Vec<Account>),
    /// Profiles that are made first.
    Tandem {
        /// Where the API is.
        url: String,
        /// The operator's token.
        token: String,
        /// How many profiles.
        pbxs: usize,
    },
}

/// What is done: options that were found possible.
#[derive(Clone, Debug)]
pub struct Plan {
    /// As they were given.
    pub options: Options,
    /// Who calls.
    pub callers: Callers,
    /// The address that PBXs call from.
    pub ip: IpAddr,
    /// When calls begin.
    pub schedule: Schedule,
}

impl Plan {
    /// The domain in SIP addresses.
    pub fn domain(&self) -> String {
        self.options.domain.clone().unwrap_or_else(|| self.options.target.to_string())
    }

    /// Where the carrier listens, if one is played.
    pub fn carrier(&self) -> Option<SocketAddr> {
        let is_tandem = matches!(self.callers, Callers::Tandem { .. });
        self.options.carrier_listen.or(is_tandem.then_some(SocketAddr::new(self.ip, 0)))
    }
}

impl TryFrom<Options> for Plan {
    type Error = Error;

    fn try_from(options: Options) -> Result<Plan, Error> {
        if !(1..=PBXS_MAX).contains(&options.pbxs) {
            return Err(asked(format!("--pbxs {}: expected 1 to {PBXS_MAX}", options.pbxs)));
        }
        if !(1..=MEDIA_THREADS_MAX).contains(&options.media_threads) {
            return Err(asked(format!("--media-threads {}: expected 1 to {MEDIA_THREADS_MAX}", options.media_threads)));
        }
        if options.hold > HOLD_MAX {
            return Err(asked(format!("--hold {:?}: expected {HOLD_MAX:?} at most", options.hold)));
        }
        if !options.dial.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+*#-._".contains(&byte)) {
            return Err(asked(format!("--dial '{}': expected a number or a name without blanks", options.dial)));
        }
        let schedule =
            Schedule::draw(options.arrivals, options.rate, options.duration, options.seed).map_err(Error::Asked)?;
        let ip = match options.listen {
            Some(ip) => ip,
            None => own_address(options.target).map_err(Error::io("--listen: no way to the target"))?,
        };
        Ok(Plan { callers: callers(&options)?, ip, schedule, options })
    }
}

fn asked(fault: String) -> Error {
    Error::Asked(fault)
}

fn callers(options: &Options) -> Result<Callers, Error> {
    if let (Some(url), Some(file)) = (&options.tandem_api, &options.token_file) {
        let text = std::fs::read_to_string(file).map_err(Error::io(format!("--token-file {}", file.display())))?;
        let token = text.lines().next().and_then(|line| line.split_ascii_whitespace().next_back());
        let token = token.ok_or_else(|| asked(format!("--token-file {}: it is empty", file.display())))?;
        return Ok(Callers::Tandem { url: url.clone(), token: token.to_owned(), pbxs: options.pbxs });
    }
    if let Some(file) = &options.users {
        return users::load(file).map(Callers::Accounts).map_err(|fault| asked(format!("--users {fault}")));
    }
    match (&options.user, &options.password) {
        (Some(user), Some(password)) => {
            Ok(Callers::Accounts(vec![Account { user: user.clone(), password: password.clone() }]))
        }
        _ => Err(asked("who calls? Give --user and --password, or --users FILE, or --tandem-api URL".to_owned())),
    }
}

/// The address of this machine from which the target is reached; nothing is sent.
fn own_address(target: SocketAddr) -> std::io::Result<IpAddr> {
    let any: SocketAddr = if target.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0; 16], 0).into() };
    let socket = UdpSocket::bind(any)?;
    socket.connect(target)?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn plan(words: &str) -> Result<Plan, String> {
        let words = ["tandem-loadtest"].into_iter().chain(words.split_ascii_whitespace());
        let options = Options::try_parse_from(words).map_err(|error| error.to_string())?;
        Plan::try_from(options).map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_is_sound_and_its_help_has_an_example() {
        Options::command().debug_assert();
        let help = Options::command().render_long_help().to_string();
        assert!(help.contains("tandem-loadtest --target") && help.contains("Exit code"), "{help}");
    }

    #[test]
    fn one_user_on_loopback_is_enough() {
        let plan = plan("--target 127.0.0.1 --user 101 --password x --rate 2 --duration 3s").unwrap();
        assert_eq!((plan.ip.to_string(), plan.domain()), ("127.0.0.1".to_owned(), "127.0.0.1:5060".to_owned()));
        assert!(matches!(plan.callers, Callers::Accounts(accounts) if accounts.len() == 1));
    }

    #[test]
    fn what_cannot_be_is_said_with_what_would_be_right() {
        for (words, expected) in [
            ("--target 127.0.0.1", "who calls?"),
            ("--target nowhere --user a --password b", "'nowhere' is no address"),
            ("--target 127.0.0.1 --user a --password b --rate 0", "'0' is no rate"),
            ("--target 127.0.0.1 --user a --password b --hold 3d", "none of ms, s, m, h"),
            ("--target 127.0.0.1 --user a --password b --dial a@b", "expected a number"),
            ("--target 127.0.0.1 --user a --password b --media-threads 0", "expected 1 to 16"),
            ("--target 127.0.0.1 --users /nonexistent/users", "--users /nonexistent/users"),
            ("--target 127.0.0.1 --tandem-api http://127.0.0.1:1", "--token-file"),
            ("--target 127.0.0.1 --user a --password b --rate 1000000 --duration 1h", "lower --rate"),
        ] {
            let said = plan(words).map(|_| ()).unwrap_err();
            assert!(said.contains(expected), "{words}: {said}");
        }
    }
}
