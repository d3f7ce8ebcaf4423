//! A Redis of the test's own: Debian's redis-server on a free port of loopback, its append-only file in a temporary folder. A test
//! without it fails and says what to install. Several that know each other are in `several`.

use ledger::redis::{Server, Settings};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// How often another port is tried where somebody took the one that was free a moment ago.
const PORTS_TRIED: usize = 10;

/// A running server; killed with the value.
pub struct RedisServer {
    process: Option<Child>,
    port: u16,
    folder: tempfile::TempDir,
    options: Vec<String>,
    /// A Sentinel's settings, where it is one.
    sentinel: Option<String>,
}

impl RedisServer {
    /// As it should be for a ledger.
    pub fn start() -> Self {
        Self::start_with(&["--appendonly", "yes", "--appendfsync", "everysec"])
    }

    /// With these options beside port, address and folder.
    pub fn start_with(options: &[&str]) -> Self {
        // In memory where there is such a place: Redis waits for a disk that others keep busy, and that is not what is tested.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        Self::start_as(folder, options, None)
    }

    /// A Sentinel that watches the master on this port as `money`, with these lines more in its settings.
    pub fn sentinel(master: &str, silence_ms: &str, lines: &[&str]) -> Self {
        let settings = [
            &format!("sentinel monitor money 127.0.0.1 {master} 2"),
            &format!("sentinel down-after-milliseconds money {silence_ms}"),
            "sentinel failover-timeout money 3000",
        ];
        let settings = [&settings[..], lines].concat().join("\n");
        Self::start_as(tempfile::tempdir().unwrap(), &[], Some(settings))
    }

    fn start_as(folder: tempfile::TempDir, options: &[&str], sentinel: Option<String>) -> Self {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut server = Self { process: None, port: 0, folder, options, sentinel };
        for _ in 0..PORTS_TRIED {
            server.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            if server.launch() {
                return server;
            }
        }
        panic!("redis-server could not be started on any of {PORTS_TRIED} free ports");
    }

    /// Starts the process and waits until it says that it is ready.
    fn launch(&mut self) -> bool {
        // A file limit (`limit_files`) is to be an error for it, as a full disk is, and not its end.
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh", "redis-server"]);
        let ready = match &self.sentinel {
            Some(settings) => {
                let file = self.folder.path().join("sentinel.conf");
                let place = format!("port {}\nbind 127.0.0.1\ndir {}", self.port, self.folder.path().display());
                std::fs::write(&file, format!("{place}\n{settings}\n")).unwrap();
                command.arg(file).arg("--sentinel");
                "+monitor master"
            }
            None => {
                let port = self.port.to_string();
                match self.is_tls() {
                    true => command.args(["--port", "0", "--tls-port", &port]),
                    false => command.args(["--port", &port]),
                };
                command.args(["--bind", "127.0.0.1", "--save", "", "--daemonize", "no", "--databases", "64"]);
                command.args(["--logfile", "", "--dir"]).arg(self.folder.path()).args(&self.options);
                "Ready to accept connections"
            }
        };
        let launched = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut process = launched.unwrap_or_else(|error| {
            panic!("redis-server cannot be started ({error}): install it with `apt-get install redis-server`")
        });
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let is_ready = lines.by_ref().any(|line| line.is_ok_and(|line| line.contains(ready)));
        // Whatever it says later must find a reader, or it would wait for one.
        std::thread::spawn(move || lines.for_each(drop));
        self.process = Some(process);
        if !is_ready {
            self.kill();
        }
        is_ready
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Whether nobody has killed it.
    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// It stands still, and what is sent to it waits.
    pub fn stand_still(&self) {
        self.signal("-STOP");
    }

    /// It goes on where it stood still.
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    /// From now on no file of it grows beyond this many bytes, as on a full disk; `None` makes room again.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let limit = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
        let process = self.process.as_ref().unwrap().id().to_string();
        let done = Command::new("prlimit").args(["--pid", &process, &format!("--fsize={limit}:unlimited")]).status();
        assert!(done.unwrap().success());
    }

    fn signal(&self, signal: &str) {
        let process = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
    }

    /// Starts it again, on the same port and with what its append-only file has.
    pub fn restart(&mut self) {
        self.kill();
        assert!(self.launch(), "redis-server does not start again on port {}", self.port);
    }

    /// Starts it again with nothing: the disk of the server was lost.
    pub fn restart_empty(&mut self) {
        self.kill();
        std::fs::remove_dir_all(self.folder.path().join("appendonlydir")).unwrap();
        assert!(self.launch(), "redis-server does not start again on port {}", self.port);
    }

    /// Starts it again, and keeps what its append-only file had: for [`RedisServer::restart_saved`].
    pub fn save(&mut self) {
        self.kill();
        copy(&self.folder.path().join("appendonlydir"), &self.folder.path().join("saved"));
        assert!(self.launch(), "redis-server does not start again on port {}", self.port);
    }

    /// Starts it again with what it had at [`RedisServer::save`], as a replica that lagged and was promoted.
    pub fn restart_saved(&mut self) {
        self.kill();
        std::fs::remove_dir_all(self.folder.path().join("appendonlydir")).unwrap();
        copy(&self.folder.path().join("saved"), &self.folder.path().join("appendonlydir"));
        assert!(self.launch(), "redis-server does not start again on port {}", self.port);
    }

    /// Where it is.
    pub fn server(&self) -> Server {
        Server::single("127.0.0.1", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn option(&self, name: &str) -> Option<&str> {
        let place = self.options.iter().position(|option| option == name)?;
        self.options.get(place + 1).map(String::as_str)
    }

    fn is_tls(&self) -> bool {
        self.option("--tls-cert-file").is_some()
    }

    /// As `ledger.url` names it.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The settings of a ledger here, with its journal in that folder.
    pub fn settings(&self, folder: &Path) -> Settings {
        Self::settings_of(self.server(), folder)
    }

    /// The settings of a ledger with its journal in that folder, and its balances there.
    pub fn settings_of(server: Server, folder: &Path) -> Settings {
        let journal = ledger::sqlite::Settings {
            group_after: std::time::Duration::from_millis(1),
            ..ledger::sqlite::Settings::new(folder.join("ledger.db"))
        };
        Settings::new(journal, server)
    }

    /// Somebody else's hand in it.
    pub fn connection(&self) -> redis::Connection {
        let login = self.option("--requirepass").map(|password| format!(":{password}@")).unwrap_or_default();
        let url = format!("redis://{login}127.0.0.1:{}", self.port);
        redis::Client::open(url).unwrap().get_connection().unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(to).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
