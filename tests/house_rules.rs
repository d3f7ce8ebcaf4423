//! How ours reads, as far as a machine can tell: length, openings, leftovers, and paths that the documents name.
//! Not here: who may import whom; that is in `walls.rs`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file longer than this hides a phase or a noun that wants its own file.
const LINES_MAX: usize = 500;
/// `docs/ARCHITECTURE.md` is read in one sitting.
const ARCHITECTURE_LINES_MAX: usize = 200;

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file that is or will be committed, relative to the root; where there is no git, every file outside `target`.
fn files() -> Vec<PathBuf> {
    let listed = Command::new("git")
        .current_dir(repository())
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .output();
    let mut files = BTreeSet::new();
    match listed {
        Ok(output) if output.status.success() => {
            let names = String::from_utf8_lossy(&output.stdout).into_owned();
            files.extend(names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from));
        }
        _ => walk(&repository(), &mut files),
    }
    files.retain(|file| repository().join(file).is_file());
    assert!(files.len() > 20, "found only {} files; is this the repository?", files.len());
    files.into_iter().collect()
}

fn walk(folder: &Path, files: &mut BTreeSet<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && name != "target" && name != ".git" {
            walk(&path, files);
        } else if path.is_file() {
            files.extend(path.strip_prefix(repository()).ok().map(Path::to_path_buf));
        }
    }
}

fn read(file: &Path) -> String {
    let bytes = std::fs::read(repository().join(file)).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    String::from_utf8_lossy(&bytes).into_owned()
}

fn has_extension(file: &Path, extensions: &[&str]) -> bool {
    file.extension().and_then(|extension| extension.to_str()).is_some_and(|found| extensions.contains(&found))
}

fn assert_none(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn no_source_file_is_longer_than_five_hundred_lines() {
    let sources = files().into_iter().filter(|file| has_extension(file, &["rs", "py", "sh", "sql", "html", "js"]));
    let long = sources.map(|file| (read(&file).lines().count(), file)).filter(|(lines, _)| *lines > LINES_MAX);
    let broken: Vec<_> = long.map(|(lines, file)| format!("{}: {lines} lines", file.display())).collect();
    assert_none("over 500 lines; look for the phase or the noun hidden inside", &broken);
}

#[test]
fn nothing_is_left_for_later() {
    // Assembled here so that this file does not find itself.
    let leftovers = [
        ["to", "do!("].concat(),
        ["unimple", "mented!("].concat(),
        ["TO", "DO"].concat(),
        ["FIX", "ME"].concat(),
        ["#[ig", "nore"].concat(),
    ];
    let mut broken = Vec::new();
    for file in files().iter().filter(|file| has_extension(file, &["rs"])) {
        for (number, line) in read(file).lines().enumerate() {
            for leftover in leftovers.iter().filter(|leftover| line.contains(leftover.as_str())) {
                broken.push(format!("{}:{}: {leftover}", file.display(), number + 1));
            }
        }
    }
    assert_none("build it, or say in the issue that it is not built", &broken);
}

#[test]
fn every_module_opens_with_what_lives_there() {
    let rust = files().into_iter().filter(|file| has_extension(file, &["rs"]));
    let silent = rust.filter(|file| !read(file).trim_start().starts_with("//!"));
    let broken: Vec<_> = silent.map(|file| file.display().to_string()).collect();
    assert_none("these files do not open with `//!` and a sentence on what lives there", &broken);
}

#[test]
fn every_path_that_a_document_names_exists() {
    let documents = files().into_iter().filter(|file| {
        file == Path::new("docs/ARCHITECTURE.md") || (file.starts_with("docs/walks") && has_extension(file, &["md"]))
    });
    let mut broken = Vec::new();
    for document in documents {
        for (number, path) in backticked_paths(&read(&document)) {
            if expand(&path).iter().any(|path| !stands(path)) {
                broken.push(format!("{}:{number}: `{path}`", document.display()));
            }
        }
    }
    assert_none("these documents name paths that do not exist", &broken);
}

#[test]
fn the_packages_that_the_architecture_names_are_used_where_it_says() {
    let page = read(Path::new("docs/ARCHITECTURE.md"));
    let (_, table) = page.split_once("| Package | Where |").expect("the table of packages");
    let rows: Vec<&str> = table.lines().skip(2).take_while(|line| line.starts_with('|')).collect();
    let lock = read(Path::new("Cargo.lock"));
    let mut broken = Vec::new();
    for row in &rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let package = cells[0].trim_matches('`');
        if !lock.contains(&format!("name = \"{package}\"\n")) {
            broken.push(format!("{package} is not in Cargo.lock"));
        }
        let used = format!("{}::", package.replace('-', "_"));
        let places = backticked_paths(cells[1]);
        assert!(!places.is_empty(), "{package} names no place");
        for (_, path) in places {
            if !read(Path::new(&path)).contains(&used) {
                broken.push(format!("{path} does not use {used}"));
            }
        }
    }
    assert_none("the table of packages is not true", &broken);
    assert_eq!(rows.len(), 8, "packages of the table");
}

/// Whether a path stands, as it is or as the module that it names; a bare file name, wherever it stands.
fn stands(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    let is_named = |file: &PathBuf| file.file_name().is_some_and(|name| name == path);
    repository().join(path).exists()
        || repository().join(format!("{path}.rs")).is_file()
        || (!path.contains('/') && files().iter().any(is_named))
}

/// `{a,b}` in a path becomes both; `x/*.md` becomes its folder.
fn expand(path: &str) -> Vec<String> {
    let path = path.split('*').next().unwrap_or_default();
    match (path.find('{'), path.find('}')) {
        (Some(open), Some(close)) if open < close => path[open + 1..close]
            .split(',')
            .map(|part| format!("{}{}{}", &path[..open], part.trim(), &path[close + 1..]))
            .collect(),
        _ => vec![path.to_owned()],
    }
}

/// What stands between backticks, outside fenced blocks, and looks like a path of this repository: it has a slash or a
/// file ending that ours have, and its first part is a file or folder at the root. `path::item` and `path:12` are cut.
fn backticked_paths(document: &str) -> Vec<(usize, String)> {
    let roots: BTreeSet<String> = files()
        .iter()
        .filter_map(|file| file.components().next().map(|part| part.as_os_str().to_string_lossy().into_owned()))
        .collect();
    let mut found = Vec::new();
    let mut is_fenced = false;
    for (number, line) in document.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
            continue;
        }
        if is_fenced {
            continue;
        }
        for quoted in line.split('`').skip(1).step_by(2) {
            let path = quoted.split(':').next().unwrap_or_default().trim();
            let looks_like_a_path = !path.is_empty()
                && !path.contains(' ')
                && !path.starts_with(['/', '-', '<', '.'])
                && (path.contains('/')
                    || has_extension(Path::new(path), &["rs", "md", "toml", "py", "sql", "csv", "xml"]));
            let first = path.split('/').next().unwrap_or_default();
            let is_source = has_extension(Path::new(path), &["rs", "md", "toml", "py", "sql"]);
            if looks_like_a_path && (roots.contains(first) || is_source) {
                found.push((number + 1, path.to_owned()));
            }
        }
    }
    found
}

#[test]
fn the_architecture_fits_in_two_hundred_lines() {
    let architecture = Path::new("docs/ARCHITECTURE.md");
    if repository().join(architecture).is_file() {
        let lines = read(architecture).lines().count();
        assert!(lines <= ARCHITECTURE_LINES_MAX, "docs/ARCHITECTURE.md has {lines} lines");
    }
}

#[test]
fn nothing_names_the_workplace() {
    // Assembled here so that this file does not find itself. A path that a reader does not have is no help to them.
    let workplace =
        [["/wo", "rk/"].concat(), [".lib", "rary"].concat(), ["issue", "2.md"].concat(), ["brief", ".md"].concat()];
    let text = ["rs", "md", "toml", "py", "sh", "xml", "cfg", "yml", "csv", "txt", ""];
    let mut broken = Vec::new();
    for file in files() {
        let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if !text.contains(&extension) {
            continue;
        }
        for (number, line) in read(&file).lines().enumerate() {
            for word in workplace.iter().filter(|word| line.contains(word.as_str())) {
                broken.push(format!("{}:{}: {word}", file.display(), number + 1));
            }
        }
    }
    assert_none("these lines name a place that a reader does not have", &broken);
}

#[test]
fn paths_are_found_in_backticks_and_nowhere_else() {
    let document = "see `src/main.rs:12` and `tests/{walls,house_rules}.rs`, not `a/b`\n```\n`src/none.rs`\n```\n`domain/src/time.rs::Wall`";
    let paths: Vec<_> = backticked_paths(document).into_iter().map(|(line, path)| format!("{line} {path}")).collect();
    assert_eq!(paths, ["1 src/main.rs", "1 tests/{walls,house_rules}.rs", "5 domain/src/time.rs"]);
    assert_eq!(expand("tests/{walls,house_rules}.rs"), ["tests/walls.rs", "tests/house_rules.rs"]);
}
