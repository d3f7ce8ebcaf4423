//! `tandem init`: from nothing to a switch that a PBX can register with: settings, sealing key, store, a company, a profile.
//!
//! Company and profile are made by the switch's own API, as everybody makes them; what they may be is the API's to say.

use crate::admin;
use crate::client::Client;
use crate::serve::{self, TOKEN_FILE};
use config::Settings;
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The settings file that is written.
const SETTINGS_FILE: &str = "tandem.toml";

/// What `tandem init` is told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct InitOptions {
    /// The folder to set it up in; made where it does not exist.
    #[arg(default_value = ".", value_name = "FOLDER")]
    folder: PathBuf,
    /// The address of this machine that PBXs and carriers reach: SIP and sound. Without it: this machine alone.
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// The port of SIP, UDP and TCP.
    #[arg(long, default_value_t = 5060)]
    sip_port: u16,
    /// Where API and metrics listen.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8080")]
    http: SocketAddr,
    /// The address that others must send to, where it is not `--listen`: one-to-one NAT, containers.
    #[arg(long, value_name = "IP")]
    advertise: Option<IpAddr>,
    /// The first company's name.
    #[arg(long, default_value = "My company")]
    company: String,
    /// Where its branch is, as ISO 3166-1 has it: decides emergency numbers.
    #[arg(long, default_value = "US")]
    country: String,
    /// Of all its money, as ISO 4217 has it; cannot be changed later.
    #[arg(long, default_value = "USD")]
    currency: String,
    /// The name of its first profile: one PBX.
    #[arg(long, default_value = "My PBX")]
    profile: String,
    /// Calls of that PBX at one time.
    #[arg(long, default_value_t = 10)]
    channels: u16,
    /// Prints what was made as one JSON object.
    #[arg(long)]
    json: bool,
}

/// Sets it up, or says why it cannot be and leaves the folder as it was.
pub(crate) fn run(options: &InitOptions) -> ExitCode {
    match set_up(options) {
        Ok(made) => {
            if options.json {
                crate::print_all(&format!("{:#}", made.json(options)));
            } else {
                crate::print_all(&made.lines(options).join("\n"));
            }
            ExitCode::SUCCESS
        }
        Err(fault) => {
            eprintln!("nothing was set up: {fault}");
            ExitCode::FAILURE
        }
    }
}

/// What was set up.
struct Made {
    settings: PathBuf,
    data: PathBuf,
    token: String,
    company: Value,
    profile: Value,
}

fn set_up(options: &InitOptions) -> Result<Made, String> {
    let text = settings_text(options)?;
    let mut settings = Settings::parse(SETTINGS_FILE, &text, []).map_err(|faults| faults.report())?;
    std::fs::create_dir_all(&options.folder)
        .map_err(|error| format!("the folder {} cannot be made: {error}", options.folder.display()))?;
    let file = options.folder.join(SETTINGS_FILE);
    let data = options.folder.join(&settings.node.data_dir);
    for taken in [&file, &data] {
        if taken.exists() {
            return Err(format!("{} is there already: name another folder, or move it away", shown(taken)));
        }
    }
    // It is made beside its place and moved there when all is well: a failure leaves nothing behind.
    let making = tempfile::Builder::new()
        .prefix(".tandem-init-")
        .tempdir_in(&options.folder)
        .map_err(|error| format!("no folder can be made in {}: {error}", options.folder.display()))?;
    settings.node.data_dir = making.path().join("data");
    let (company, profile, token) = populate(options, settings)?;
    let moved = |error: std::io::Error| format!("{} cannot be put in its place: {error}", data.display());
    std::fs::rename(making.path().join("data"), &data).map_err(moved)?;
    std::fs::write(&file, text).map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
    Ok(Made { settings: file, data, token, company, profile })
}

/// Only what differs from the defaults.
fn settings_text(options: &InitOptions) -> Result<String, String> {
    let InitOptions { listen, sip_port, http, advertise, .. } = options;
    if listen.is_unspecified() && advertise.is_none() {
        return Err(format!(
            "--listen {listen} alone does not say where others must send to: add --advertise IP, or listen on one address"
        ));
    }
    UdpSocket::bind((*listen, 0)).map_err(|error| {
        format!("{listen} cannot be listened on ({error}): name an address of this machine (`ip address` lists them)")
    })?;
    let advertised = advertise.map(|ip| format!("advertised_address = \"{ip}\"\n")).unwrap_or_default();
    let sip = SocketAddr::new(*listen, *sip_port);
    Ok(format!(
        "# Settings of this Tandem node, made by `tandem init`. Every other key has its default; `tandem check-config` prints them\n\
         # all. Companies, profiles, carriers and decks are not settings: `tandem company`, `profile`, `carrier`, `deck`, or the API.\n\n\
         [node]\ndata_dir = \"data\"\n\n[sip]\nlisten = [\"{sip}\"]\n{advertised}\n[media]\naddress = \"{listen}\"\n{advertised}\n\
         [http]\nlisten = \"{http}\"\n"
    ))
}

/// Starts the switch on the new folder, where nobody can reach it, and has its API make company and profile.
fn populate(options: &InitOptions, mut settings: Settings) -> Result<(Value, Value, String), String> {
    let nobody = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    settings.sip.listen = vec![nobody];
    settings.sip.advertised_address = None;
    settings.media.address = nobody.ip();
    settings.media.advertised_address = None;
    settings.http.listen = nobody;
    settings.tls.listen.clear();
    settings.websocket = config::WebSocket::default();
    let options = options.clone();
    actix_rt::System::new().block_on(async move {
        let running = serve::start(&settings).await.map_err(|error| error.to_string())?;
        let client = Client::new(running.http, running.operator_token.clone());
        let made = actix_rt::task::spawn_blocking(move || company_and_profile(&client, &options)).await;
        let token = running.operator_token.clone();
        running.stop().await;
        let (company, profile) = made.map_err(|error| error.to_string())??;
        Ok((company, profile, token))
    })
}

fn company_and_profile(client: &Client, options: &InitOptions) -> Result<(Value, Value), String> {
    let post = |path, body: Value| client.ask("POST", path, Some(&body), None).map_err(|failed| failed.to_string());
    let company = json!({ "name": options.company, "country": options.country, "currency": options.currency });
    let company = post("/companies", company)?;
    let profile = json!({ "company": company["id"], "name": options.profile, "channels": options.channels });
    let profile = post("/profiles", profile)?;
    Ok((company, profile))
}

impl Made {
    fn json(&self, options: &InitOptions) -> Value {
        json!({
            "settings": self.settings,
            "data_dir": self.data,
            "operator_token": self.token,
            "company": self.company,
            "profile": self.profile,
            "sip": reachable(options).to_string(),
            "api": format!("http://{}/api/v1", options.http),
        })
    }

    fn lines(&self, options: &InitOptions) -> Vec<String> {
        let InitOptions { company, currency, folder, profile, .. } = options;
        let mut lines = vec![
            format!("Tandem is set up in {}", folder.display()),
            format!("  settings          {}", shown(&self.settings)),
            format!("  ledger and store  {} (back it up, with its sealing key)", shown(&self.data)),
            format!("  operator's token  {} (kept in {TOKEN_FILE} of that folder)", self.token),
            String::new(),
            format!("For your PBX, at {} over UDP or TCP; the password is not shown again:", reachable(options)),
        ];
        lines.extend(admin::profile_made(&self.profile));
        lines.extend([
            String::new(),
            "What comes next:".to_owned(),
            "  tandem serve".to_owned(),
            format!("  tandem company credit \"{company}\" 20.00 --reason \"first payment\"   ({currency})"),
            format!("  tandem profile credit \"{profile}\" 10.00"),
            "  tandem deck import prices.csv --activate".to_owned(),
            "  tandem carrier add \"My carrier\" 192.0.2.1:5060".to_owned(),
        ]);
        lines
    }
}

/// A path below the working directory without its leading dot.
fn shown(path: &Path) -> String {
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}

fn reachable(options: &InitOptions) -> SocketAddr {
    SocketAddr::new(options.advertise.unwrap_or(options.listen), options.sip_port)
}
