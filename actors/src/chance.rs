//! The operating system's chance, from which every machine's [`Entropy`] is seeded.

use domain::Entropy;
use rand::TryRng;

/// A fresh stream from the operating system. Fails only where the system has no source of randomness at all.
pub fn entropy() -> std::io::Result<Entropy> {
    let mut seed = [0; 16];
    fill(&mut seed)?;
    Ok(Entropy::from_seed(seed))
}

/// Fills `bytes` from the operating system: keys and passwords.
pub fn fill(bytes: &mut [u8]) -> std::io::Result<()> {
    rand::rngs::SysRng.try_fill_bytes(bytes).map_err(std::io::Error::other)
}
