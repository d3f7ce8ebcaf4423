//! The walls of the house: who may import whom, held against what Cargo really resolved.
//! Not here: rules about the text of files; those are in `house_rules.rs`.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The rooms, the switch put together being `tandem` (the root package, `src/`).
const ROOMS: &[&str] = &[
    "tandem",
    "web",
    "backoffice",
    "actors",
    "ledger",
    "media",
    "store",
    "telemetry",
    "wire",
    "leg",
    "sip",
    "switch",
    "rating",
    "config",
    "clerk",
    "testkit",
    "loadtest",
    "telephone",
    "domain",
];

/// Rooms that decide and never do: no runtime, no socket, no chance.
const PURE: &[&str] = &["domain", "rating", "sip", "leg", "switch", "telephone"];

/// What a pure room may not have among its normal dependencies, directly or through others.
const IMPURE_CRATES: &[&str] = &[
    "tokio",
    "actix",
    "actix-rt",
    "actix-web",
    "redis",
    "rand",
    "rand_core",
    "getrandom",
    "mio",
    "socket2",
    "async-std",
    "smol",
    "rusqlite",
];

/// The rooms that the room may import. This is the paragraph of `docs/ARCHITECTURE.md` as data:
/// `src -> web -> backoffice -> actors -> {ledger, media, store, telemetry, wire} -> {leg -> sip, switch -> rating} -> domain`
/// and `config -> domain`. A room may reach past a neighbour to one further down, never up and never sideways, except
/// that `media` may use `wire` (both move packets).
fn may_import(room: &str) -> &'static [&'static str] {
    match room {
        "tandem" => &[
            "web",
            "backoffice",
            "actors",
            "ledger",
            "media",
            "store",
            "telemetry",
            "wire",
            "leg",
            "sip",
            "switch",
            "rating",
            "config",
            "telephone",
            "domain",
        ],
        "web" => &[
            "backoffice",
            "actors",
            "ledger",
            "media",
            "store",
            "telemetry",
            "wire",
            "leg",
            "sip",
            "switch",
            "rating",
            "domain",
        ],
        "backoffice" => {
            &["actors", "ledger", "media", "store", "telemetry", "wire", "leg", "sip", "switch", "rating", "domain"]
        }
        "actors" => &["ledger", "media", "store", "telemetry", "wire", "leg", "sip", "switch", "rating", "domain"],
        "media" => &["wire", "leg", "sip", "switch", "rating", "domain"],
        "ledger" | "store" | "telemetry" | "wire" => &["leg", "sip", "switch", "rating", "domain"],
        "leg" => &["sip", "domain"],
        "switch" => &["rating", "domain"],
        "sip" | "rating" | "config" => &["domain"],
        // The simulated world runs what the actors run, and nobody has it but for tests: no room may import it.
        "testkit" => &[
            "clerk",
            "actors",
            "ledger",
            "media",
            "store",
            "telemetry",
            "wire",
            "leg",
            "sip",
            "switch",
            "rating",
            "domain",
        ],
        // Who posts to a ledger in tests, those of the ledger itself too.
        "clerk" => &["ledger", "domain"],
        "telephone" => &["sip", "domain"],
        // A stranger on the wire: it knows what a SIP message is, and nothing of the switch.
        "loadtest" => &["telephone", "sip", "domain"],
        _ => &[],
    }
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What Cargo resolved for this platform.
fn metadata() -> Value {
    let mut cargo = Command::new(env!("CARGO"));
    let platform = host_triple();
    cargo.current_dir(repository()).args([
        "metadata",
        "--format-version=1",
        "--locked",
        "--filter-platform",
        &platform,
    ]);
    let output = cargo.output().unwrap_or_else(|error| panic!("cargo cannot be started: {error}"));
    assert!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("cargo metadata prints no JSON: {error}"))
}

/// The platform that this compiler builds for, such as `x86_64-unknown-linux-gnu`.
fn host_triple() -> String {
    let output = Command::new("rustc")
        .current_dir(repository())
        .arg("-vV")
        .output()
        .unwrap_or_else(|error| panic!("rustc cannot be started: {error}"));
    let version = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned);
    host.unwrap_or_else(|| panic!("rustc -vV names no host: {version}"))
}

fn items<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

/// Package id -> name, and package id -> the ids of its normal dependencies on this platform.
struct Graph {
    names: BTreeMap<String, String>,
    normal: BTreeMap<String, BTreeSet<String>>,
    any_kind: BTreeMap<String, BTreeSet<String>>,
    members: BTreeSet<String>,
}

impl Graph {
    fn read() -> Self {
        let metadata = metadata();
        let names = items(&metadata, "packages")
            .iter()
            .map(|package| (text(package, "id").to_owned(), text(package, "name").to_owned()))
            .collect();
        let members = items(&metadata, "workspace_members").iter().filter_map(|id| id.as_str().map(str::to_owned));
        let members = members.collect();
        let (mut normal, mut any_kind) = (BTreeMap::new(), BTreeMap::new());
        for node in items(&metadata["resolve"], "nodes") {
            let id = text(node, "id").to_owned();
            for dependency in items(node, "deps") {
                let target = text(dependency, "pkg").to_owned();
                let is_normal = items(dependency, "dep_kinds").iter().any(|kind| kind["kind"].is_null());
                if is_normal {
                    normal.entry(id.clone()).or_insert_with(BTreeSet::new).insert(target.clone());
                }
                any_kind.entry(id.clone()).or_insert_with(BTreeSet::new).insert(target);
            }
        }
        Self { names, normal, any_kind, members }
    }

    fn rooms(&self) -> impl Iterator<Item = (&String, &str)> {
        // The load test's package is named as its binary, and lives in `loadtest/`.
        let room = |id| self.names[id].strip_prefix("tandem-").unwrap_or(&self.names[id]);
        self.members.iter().map(move |id| (id, room(id)))
    }
}

/// What `cargo tree` prints. Unlike `cargo metadata` it leaves out optional dependencies that no feature switched on.
fn tree(room: &str, more: &[&str]) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(repository()).args(["tree", "--locked", "--edges=normal", "--package", room]).args(more);
    let output = cargo.output().unwrap_or_else(|error| panic!("cargo cannot be started: {error}"));
    assert!(output.status.success(), "cargo tree -p {room} failed: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn every_room_imports_only_rooms_below_it() {
    let graph = Graph::read();
    let mut broken = Vec::new();
    for (id, room) in graph.rooms() {
        assert!(
            ROOMS.contains(&room),
            "the workspace has a room '{room}' that the paragraph of who may import whom does not name; give it a place in tests/walls.rs and docs/ARCHITECTURE.md"
        );
        for target in graph.normal.get(id).into_iter().flatten().filter(|target| graph.members.contains(*target)) {
            let imported = &graph.names[target];
            if !may_import(room).contains(&imported.as_str()) {
                broken.push(format!("{room} -> {imported} (allowed from {room}: {})", may_import(room).join(", ")));
            }
        }
    }
    assert!(broken.is_empty(), "walls broken by these imports:\n  {}", broken.join("\n  "));
}

#[test]
fn pure_rooms_borrow_no_impure_room_even_for_their_tests() {
    let graph = Graph::read();
    let mut broken = Vec::new();
    for (id, room) in graph.rooms().filter(|(_, room)| PURE.contains(room)) {
        for target in graph.any_kind.get(id).into_iter().flatten().filter(|target| graph.members.contains(*target)) {
            let imported = graph.names[target].as_str();
            if !PURE.contains(&imported) && imported != "testkit" {
                broken.push(format!("{room} -> {imported} (in any kind of dependency)"));
            }
        }
    }
    assert!(broken.is_empty(), "a pure room's tests need only pure rooms and testkit:\n  {}", broken.join("\n  "));
}

#[test]
fn pure_rooms_have_no_runtime_socket_or_chance_behind_them() {
    let mut broken = Vec::new();
    for room in PURE {
        let listed = tree(room, &["--prefix=none", "--format={p}"]);
        let crates: BTreeSet<&str> = listed.lines().filter_map(|line| line.split(' ').next()).collect();
        assert!(crates.contains(room), "cargo tree -p {room} does not name {room}: {listed}");
        for forbidden in IMPURE_CRATES.iter().filter(|forbidden| crates.contains(*forbidden)) {
            broken.push(format!("{room} reaches {forbidden}:\n{}", tree(room, &["--invert", forbidden])));
        }
    }
    assert!(broken.is_empty(), "decisions are pure; these chains are not:\n{}", broken.join("\n"));
}

#[test]
fn unsafe_code_stands_in_wire_only() {
    let mut broken = Vec::new();
    let workspace = std::fs::read_to_string(repository().join("Cargo.toml"))
        .unwrap_or_else(|error| panic!("root Cargo.toml: {error}"));
    assert!(workspace.contains("unsafe_code = \"deny\""), "root Cargo.toml no longer denies unsafe_code");
    for room in ROOMS.iter().filter(|room| **room != "tandem") {
        let folder = repository().join(room);
        if !folder.join("Cargo.toml").is_file() {
            continue;
        }
        let root = std::fs::read_to_string(folder.join("src/lib.rs"))
            .or_else(|_| std::fs::read_to_string(folder.join("src/main.rs")))
            .unwrap_or_else(|error| panic!("{room} has neither src/lib.rs nor src/main.rs: {error}"));
        if *room != "wire" && !root.contains("#![forbid(unsafe_code)]") {
            broken.push(format!("{room}: its crate root does not say #![forbid(unsafe_code)]"));
        }
        if *room != "wire" {
            sources(&folder.join("src"), &mut |path, source| {
                if source.contains("allow(unsafe_code)") {
                    broken.push(format!("{}: allow(unsafe_code) outside wire", path.display()));
                }
            });
        }
    }
    sources(&repository().join("src"), &mut |path, source| {
        if source.contains("allow(unsafe_code)") {
            broken.push(format!("{}: allow(unsafe_code) outside wire", path.display()));
        }
    });
    assert!(broken.is_empty(), "unsafe belongs in wire:\n  {}", broken.join("\n  "));
}

/// Calls `visit` with every Rust source below the folder.
fn sources(folder: &Path, visit: &mut dyn FnMut(&Path, &str)) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, visit);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            visit(&path, &source);
        }
    }
}
