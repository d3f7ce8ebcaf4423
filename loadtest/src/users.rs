//! The file of SIP users.
//!
//! What they do is in `pbx`.

use std::path::Path;
use telephone::Account;

/// PBXs of one run at most: each has a socket of its own, and 1,024 files are what a shell usually may open.
pub const PBXS_MAX: usize = 10_000;

/// Reads a file of users: one a line, `USER PASSWORD`; empty lines and those that begin with `#` say nothing.
///
/// # Errors
/// The file and the line that cannot be read, and what would be right.
pub fn load(path: &Path) -> Result<Vec<Account>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    parse(&text).map_err(|fault| format!("{}{fault}", path.display()))
}

fn parse(text: &str) -> Result<Vec<Account>, String> {
    let mut accounts = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let number = number + 1;
        let Some((user, password)) = line.split_once([' ', '\t']) else {
            return Err(format!(":{number}: '{line}' has no password: expected USER PASSWORD"));
        };
        if accounts.len() == PBXS_MAX {
            return Err(format!(":{number}: more than {PBXS_MAX} users"));
        }
        accounts.push(Account { user: user.to_owned(), password: password.trim_start().to_owned() });
    }
    if accounts.is_empty() {
        return Err(": no user stands in it: expected lines of USER PASSWORD".to_owned());
    }
    Ok(accounts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_a_line_and_the_rest_of_it_is_the_password() {
        let accounts = parse("# ours\n\n101 secret\n102\ta b\n").unwrap();
        let read: Vec<_> = accounts.iter().map(|one| (one.user.as_str(), one.password.as_str())).collect();
        assert_eq!(read, [("101", "secret"), ("102", "a b")]);
    }

    #[test]
    fn a_line_without_a_password_is_named() {
        assert_eq!(parse("101 x\n102").unwrap_err(), ":2: '102' has no password: expected USER PASSWORD");
        assert!(parse("# nobody\n").unwrap_err().contains("no user"));
    }
}
