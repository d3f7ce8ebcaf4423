//! Sealing what must be shown again but not lie open in the database: XChaCha20-Poly1305 under a key in a file of its own.
//!
//! What is sealed does not live here. A copy of the database without the key file shows no password.

use crate::{Error, Result};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use rusqlite::{Connection, OptionalExtension};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Bytes of a nonce of XChaCha20: long enough to be drawn at random.
const NONCE: usize = 24;
/// Sealed in every database, to prove that a key is this database's.
const PROOF_NAME: &str = "sealing_proof";
const PROOF_TEXT: &str = "tandem sealing key";

impl crate::Store {
    /// Seals a text for an owner.
    pub(crate) fn seal(&self, owner: &str, text: &str) -> Result<Vec<u8>> {
        self.key.seal(owner, text, &mut *self.random.lock())
    }

    /// The text that was sealed for this owner.
    pub(crate) fn unseal(&self, owner: &str, sealed: &[u8]) -> Result<String> {
        self.key.unseal(owner, sealed)
    }
}

/// The key, and the file that it came from.
pub(crate) struct SealingKey {
    cipher: XChaCha20Poly1305,
    path: PathBuf,
}

impl SealingKey {
    /// Reads the key file, or creates it for a database that has none yet, and proves that the two belong together.
    pub(crate) fn open(path: &Path, database: &mut Connection, random: &mut dyn FnMut(&mut [u8])) -> Result<Self> {
        let transaction = database.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let proof: Option<Vec<u8>> = transaction
            .query_row("SELECT value FROM meta WHERE name = ?1", [PROOF_NAME], |row| row.get(0))
            .optional()?;
        let bytes = match std::fs::read(path) {
            Ok(bytes) => checked(path, bytes)?,
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::File { path: path.to_owned(), source: error });
            }
            Err(_) if proof.is_some() => {
                let problem = "the file is missing, and the passwords of this database are sealed with it: put it back from a backup";
                return Err(Error::SealingKey { path: path.to_owned(), problem: problem.to_owned() });
            }
            Err(_) => created(path, random)?,
        };
        let key = SealingKey { cipher: XChaCha20Poly1305::new(Key::from_slice(&bytes)), path: path.to_owned() };
        match proof {
            Some(proof) => {
                key.unseal(PROOF_NAME, &proof)?;
            }
            None => {
                let proof = key.seal(PROOF_NAME, PROOF_TEXT, random)?;
                transaction.execute("INSERT INTO meta VALUES (?1, ?2)", rusqlite::params![PROOF_NAME, proof])?;
            }
        }
        transaction.commit()?;
        Ok(key)
    }

    /// Seals a text for an owner: nonce, then ciphertext and tag. It opens for the same owner only.
    pub(crate) fn seal(&self, owner: &str, text: &str, random: &mut dyn FnMut(&mut [u8])) -> Result<Vec<u8>> {
        let mut sealed = vec![0; NONCE];
        random(&mut sealed);
        let payload = Payload { msg: text.as_bytes(), aad: owner.as_bytes() };
        let ciphertext = self
            .cipher
            .encrypt(XNonce::from_slice(&sealed), payload)
            .map_err(|_| self.problem("the text is too long to be sealed"))?;
        sealed.extend(ciphertext);
        Ok(sealed)
    }

    /// The text that was sealed for this owner.
    pub(crate) fn unseal(&self, owner: &str, sealed: &[u8]) -> Result<String> {
        let foreign = || self.problem("it does not fit this database: put back the file that was created with it");
        let (nonce, ciphertext) = sealed.split_at_checked(NONCE).ok_or_else(foreign)?;
        let payload = Payload { msg: ciphertext, aad: owner.as_bytes() };
        let text = self.cipher.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| foreign())?;
        String::from_utf8(text).map_err(|_| foreign())
    }

    fn problem(&self, problem: &str) -> Error {
        Error::SealingKey { path: self.path.clone(), problem: problem.to_owned() }
    }
}

fn checked(path: &Path, bytes: Vec<u8>) -> Result<[u8; 32]> {
    let problem = |problem: String| Error::SealingKey { path: path.to_owned(), problem };
    let metadata = std::fs::metadata(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(problem(format!("mode {mode:04o} lets others read it: chmod 600 it")));
    }
    let length = bytes.len();
    bytes.try_into().map_err(|_| problem(format!("expected 32 bytes, found {length}: put it back from a backup")))
}

/// Writes a new key beside its place and moves it there, so that a crash leaves either none or a whole one.
fn created(path: &Path, random: &mut dyn FnMut(&mut [u8])) -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    random(&mut bytes);
    let beside = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        // The directory too, else a power cut may leave the proof in the database without the key beside it.
        std::fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|source| Error::File { path: path.to_owned(), source })?;
    Ok(bytes)
}
