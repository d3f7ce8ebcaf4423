//! How many descriptors this process may hold: a relayed call takes four.
//!
//! What to do where that is too few is somebody else's decision.

use std::io;

/// Raises the soft limit on open descriptors to the hard one (`RLIMIT_NOFILE`); the limit afterwards.
///
/// # Errors
/// What the kernel said; the limit is then as before.
pub fn raise_open_files_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a whole `rlimit` that lives until the call returns.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: as above; the kernel only reads it.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(limit.rlim_cur as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_to_the_hard_one_and_stays_there() {
        let raised = raise_open_files_limit().unwrap();
        assert!(raised > 0);
        assert_eq!(raise_open_files_limit().unwrap(), raised);
    }
}
