//! From a master key to session keys (RFC 3711 4.3, RFC 7714 11), once per context: the key derivation rate is zero.
//!
//! What is done with them is `cipher`'s.

use aes::Aes128;
use aes::cipher::{BlockEncrypt, KeyInit};
use domain::srtp::{MasterKey, SALT_SIZE_MAX};

/// Bytes of the longest session key: that of HMAC-SHA1.
const SESSION_KEY_SIZE_MAX: usize = 20;

/// What a session key is for (RFC 3711 4.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    RtpEncryption = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpEncryption = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

/// `SIZE` (at most 20) bytes for one purpose.
pub(super) fn session_key<const SIZE: usize>(master: &MasterKey, label: Label) -> [u8; SIZE] {
    const { assert!(SIZE <= SESSION_KEY_SIZE_MAX) };
    let cipher = Aes128::new(master.key().into());
    let mut input = [0u8; 16];
    // A salt of 12 bytes is one of 14 that ends in zeros.
    input[..master.salt().len()].copy_from_slice(master.salt());
    input[SALT_SIZE_MAX - 7] ^= label as u8;
    let mut key = [0; SIZE];
    for (block, part) in key.chunks_mut(16).enumerate() {
        input[15] = block as u8;
        let mut stream = input.into();
        cipher.encrypt_block(&mut stream);
        part.copy_from_slice(&stream[..part.len()]);
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::srtp::tests::bytes;
    use domain::srtp::Suite;

    /// RFC 3711 B.3.
    #[test]
    fn session_keys_are_those_of_the_rfc() {
        let master = bytes("E1F97A0D3E018BE0D64FA32C06DE41390EC675AD498AFEEBB6960B3AABE6");
        let master = MasterKey::new(Suite::AesCm128HmacSha1_80, &master, None).unwrap();
        assert_eq!(session_key::<16>(&master, Label::RtpEncryption)[..], bytes("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(session_key::<14>(&master, Label::RtpSalt)[..], bytes("30CBBC08863D8C85D49DB34A9AE1"));
        let authentication = bytes("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4");
        assert_eq!(session_key::<20>(&master, Label::RtpAuthentication)[..], authentication);
    }
}
