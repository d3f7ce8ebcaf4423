//! The transforms of the suites (RFC 3711 4, RFC 7714), on packets in place: a whole packet in, a whole packet out.
//!
//! Which index a packet has, whether it was there before, and the name of its key are decided by others.

use super::derive::{Label, session_key};
use super::{Fault, MASTER_KEY_NAME_SIZE_MAX};
use aes::Aes128;
use aes::cipher::{BlockEncrypt, KeyInit};
use domain::srtp::{MasterKey, Suite};
use hmac::{Hmac, KeyInit as _, Mac};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sha1::Sha1;

/// The part of an RTCP packet that stays readable: its header and the SSRC of who sends.
pub(super) const RTCP_CLEAR_SIZE: usize = 8;
/// The index of an SRTCP packet, with the bit that says that it is encrypted.
const RTCP_INDEX_SIZE: usize = 4;
/// That bit.
const RTCP_ENCRYPTED: u32 = 1 << 31;
/// Bytes of an HMAC-SHA1 tag on RTCP, whichever suite (RFC 4568 6.2.2).
const RTCP_TAG_SIZE: usize = 10;
/// Bytes of a GCM tag.
const GCM_TAG_SIZE: usize = 16;
/// Bytes that a packet can grow by, at most, the name of its key apart.
pub(super) const GROWTH_MAX: usize = GCM_TAG_SIZE + RTCP_INDEX_SIZE;
/// Blocks of key stream made at once: what the processor's AES units do in parallel.
const BLOCKS: usize = 8;

/// The session keys of one master key, for RTP and for RTCP.
pub(super) struct Cipher {
    rtp: Half,
    rtcp: Half,
}

enum Half {
    Counter(Counter),
    Gcm(Gcm),
}

/// AES in counter mode with HMAC-SHA1.
struct Counter {
    aes: Aes128,
    salt: [u8; 14],
    mac: Hmac<Sha1>,
    tag_size: usize,
}

/// AES in Galois mode.
struct Gcm {
    key: LessSafeKey,
    salt: [u8; 12],
}

impl Cipher {
    /// Derives the session keys.
    pub(super) fn new(master: &MasterKey) -> Option<Cipher> {
        use Label::{RtcpAuthentication, RtcpEncryption, RtcpSalt, RtpAuthentication, RtpEncryption, RtpSalt};
        let rtp_tag_size = match master.suite() {
            Suite::AesCm128HmacSha1_32 => 4,
            Suite::AesCm128HmacSha1_80 => 10,
            Suite::AeadAes128Gcm => {
                let gcm = |key, salt| Some(Half::Gcm(Gcm::new(&session_key(master, key), session_key(master, salt))?));
                return Some(Cipher { rtp: gcm(RtpEncryption, RtpSalt)?, rtcp: gcm(RtcpEncryption, RtcpSalt)? });
            }
        };
        let counter = |key, authentication, salt, tag_size| {
            Some(Half::Counter(Counter {
                aes: Aes128::new(&session_key(master, key).into()),
                salt: session_key(master, salt),
                mac: Hmac::new_from_slice(&session_key::<20>(master, authentication)).ok()?,
                tag_size,
            }))
        };
        Some(Cipher {
            rtp: counter(RtpEncryption, RtpAuthentication, RtpSalt, rtp_tag_size)?,
            rtcp: counter(RtcpEncryption, RtcpAuthentication, RtcpSalt, RTCP_TAG_SIZE)?,
        })
    }

    /// Bytes that an RTP packet grows by, the name of its key apart.
    pub(super) fn rtp_growth(&self) -> usize {
        match &self.rtp {
            Half::Counter(counter) => counter.tag_size,
            Half::Gcm(_) => GCM_TAG_SIZE,
        }
    }

    /// Bytes that an RTCP packet grows by, likewise.
    pub(super) fn rtcp_growth(&self) -> usize {
        RTCP_INDEX_SIZE
            + match &self.rtcp {
                Half::Counter(counter) => counter.tag_size,
                Half::Gcm(_) => GCM_TAG_SIZE,
            }
    }

    /// Encrypts an RTP packet of `length` bytes, of which `header` stay readable, and appends `name` and tag; the new length.
    pub(super) fn seal_rtp(
        &self,
        room: &mut [u8],
        length: usize,
        header: usize,
        (ssrc, index): (u32, u64),
        name: &[u8],
    ) -> Result<usize, Fault> {
        match &self.rtp {
            Half::Counter(counter) => {
                let (packet, rest) = split(room, length)?;
                counter.apply(packet.get_mut(header..).ok_or(Fault::Short)?, ssrc, index);
                let tag = counter.tag(packet, &rollover(index));
                append(rest, [name, &tag[..counter.tag_size]]).map(|added| length + added)
            }
            Half::Gcm(gcm) => {
                let (packet, rest) = split(room, length)?;
                let (clear, secret) = packet.split_at_mut_checked(header).ok_or(Fault::Short)?;
                let tag = gcm.seal(gcm.rtp_nonce(ssrc, index), clear, secret)?;
                append(rest, [&tag, name]).map(|added| length + added)
            }
        }
    }

    /// Checks and decrypts an RTP packet; the length of what is left.
    pub(super) fn open_rtp(
        &self,
        packet: &mut [u8],
        header: usize,
        (ssrc, index): (u32, u64),
        name: &[u8],
    ) -> Result<usize, Fault> {
        match &self.rtp {
            Half::Counter(counter) => {
                let (rest, tag) = cut(packet, counter.tag_size)?;
                let rest = cut_name(rest, name)?;
                let secret = rest.get(header..).ok_or(Fault::Short)?.len();
                counter.check(rest, &rollover(index), tag)?;
                counter.apply(&mut rest[header..], ssrc, index);
                Ok(header + secret)
            }
            Half::Gcm(gcm) => {
                let rest = cut_name(packet, name)?;
                let (clear, secret) = rest.split_at_mut_checked(header).ok_or(Fault::Short)?;
                gcm.open(gcm.rtp_nonce(ssrc, index), clear, secret).map(|length| header + length)
            }
        }
    }

    /// Encrypts an RTCP packet of `length` bytes as its sender's `index`th; the new length.
    pub(super) fn seal_rtcp(
        &self,
        room: &mut [u8],
        length: usize,
        (ssrc, index): (u32, u32),
        name: &[u8],
    ) -> Result<usize, Fault> {
        let mark = (index | RTCP_ENCRYPTED).to_be_bytes();
        match &self.rtcp {
            Half::Counter(counter) => {
                let (packet, rest) = split(room, length)?;
                counter.apply(packet.get_mut(RTCP_CLEAR_SIZE..).ok_or(Fault::Short)?, ssrc, index.into());
                let tag = counter.tag(packet, &mark);
                append(rest, [&mark, name, &tag[..counter.tag_size]]).map(|added| length + added)
            }
            Half::Gcm(gcm) => {
                let (packet, rest) = split(room, length)?;
                let (clear, secret) = packet.split_at_mut_checked(RTCP_CLEAR_SIZE).ok_or(Fault::Short)?;
                let tag = gcm.seal(gcm.rtcp_nonce(ssrc, index), &gcm_rtcp_clear(clear, mark), secret)?;
                append(rest, [&tag, &mark, name]).map(|added| length + added)
            }
        }
    }

    /// The index that an SRTCP packet claims; a fault where it says that it is not encrypted, which nobody negotiated.
    pub(super) fn rtcp_index(&self, packet: &[u8], name: &[u8]) -> Result<u32, Fault> {
        let behind = name.len()
            + match &self.rtcp {
                Half::Counter(counter) => counter.tag_size,
                Half::Gcm(_) => 0,
            };
        let end = packet.len().checked_sub(behind).ok_or(Fault::Short)?;
        let mark = packet.get(..end).and_then(|rest| rest.last_chunk()).ok_or(Fault::Short)?;
        let mark = u32::from_be_bytes(*mark);
        if mark & RTCP_ENCRYPTED == 0 { Err(Fault::NotGenuine) } else { Ok(mark & !RTCP_ENCRYPTED) }
    }

    /// Checks and decrypts an RTCP packet; the length of what is left.
    pub(super) fn open_rtcp(&self, packet: &mut [u8], (ssrc, index): (u32, u32), name: &[u8]) -> Result<usize, Fault> {
        let mark = (index | RTCP_ENCRYPTED).to_be_bytes();
        match &self.rtcp {
            Half::Counter(counter) => {
                let (rest, tag) = cut(packet, counter.tag_size)?;
                let rest = cut_name(rest, name)?;
                counter.check(rest, &[], tag)?;
                let (rest, _) = cut(rest, RTCP_INDEX_SIZE)?;
                counter.apply(rest.get_mut(RTCP_CLEAR_SIZE..).ok_or(Fault::Short)?, ssrc, index.into());
                Ok(rest.len())
            }
            Half::Gcm(gcm) => {
                let rest = cut_name(packet, name)?;
                let (rest, _) = cut(rest, RTCP_INDEX_SIZE)?;
                let (clear, secret) = rest.split_at_mut_checked(RTCP_CLEAR_SIZE).ok_or(Fault::Short)?;
                let opened = gcm.open(gcm.rtcp_nonce(ssrc, index), &gcm_rtcp_clear(clear, mark), secret);
                opened.map(|length| RTCP_CLEAR_SIZE + length)
            }
        }
    }
}

impl Counter {
    /// Encrypts or decrypts (RFC 3711 4.1.1).
    fn apply(&self, bytes: &mut [u8], ssrc: u32, index: u64) {
        let mut counter = [0u8; 16];
        counter[..14].copy_from_slice(&self.salt);
        for (byte, of_ssrc) in counter[4..8].iter_mut().zip(ssrc.to_be_bytes()) {
            *byte ^= of_ssrc;
        }
        for (byte, of_index) in counter[8..14].iter_mut().zip(&index.to_be_bytes()[2..]) {
            *byte ^= of_index;
        }
        let mut number: u16 = 0;
        for part in bytes.chunks_mut(BLOCKS * 16) {
            let mut stream = [aes::Block::from(counter); BLOCKS];
            let stream = &mut stream[..part.len().div_ceil(16)];
            for block in &mut *stream {
                block[14..].copy_from_slice(&number.to_be_bytes());
                number = number.wrapping_add(1);
            }
            self.aes.encrypt_blocks(stream);
            for (bytes, block) in part.chunks_mut(16).zip(&*stream) {
                bytes.iter_mut().zip(block).for_each(|(byte, key)| *byte ^= key);
            }
        }
    }

    fn mac(&self, packet: &[u8], behind: &[u8]) -> Hmac<Sha1> {
        let mut mac = self.mac.clone();
        mac.update(packet);
        mac.update(behind);
        mac
    }

    fn tag(&self, packet: &[u8], behind: &[u8]) -> [u8; 20] {
        self.mac(packet, behind).finalize().into_bytes().into()
    }

    /// In constant time.
    fn check(&self, packet: &[u8], behind: &[u8], tag: &[u8]) -> Result<(), Fault> {
        self.mac(packet, behind).verify_truncated_left(tag).map_err(|_| Fault::NotGenuine)
    }
}

impl Gcm {
    fn new(key: &[u8; 16], salt: [u8; 12]) -> Option<Gcm> {
        let key = UnboundKey::new(&AES_128_GCM, key).ok()?;
        Some(Gcm { key: LessSafeKey::new(key), salt })
    }

    /// RFC 7714 8.1.
    fn rtp_nonce(&self, ssrc: u32, index: u64) -> Nonce {
        self.nonce(ssrc, &index.to_be_bytes()[2..])
    }

    /// RFC 7714 9.1.
    fn rtcp_nonce(&self, ssrc: u32, index: u32) -> Nonce {
        self.nonce(ssrc, &u64::from(index).to_be_bytes()[2..])
    }

    /// `behind` has 6 bytes.
    fn nonce(&self, ssrc: u32, behind: &[u8]) -> Nonce {
        let mut nonce = [0u8; 12];
        nonce[2..6].copy_from_slice(&ssrc.to_be_bytes());
        nonce[6..].copy_from_slice(behind);
        nonce.iter_mut().zip(self.salt).for_each(|(byte, salt)| *byte ^= salt);
        Nonce::assume_unique_for_key(nonce)
    }

    fn seal(&self, nonce: Nonce, clear: &[u8], secret: &mut [u8]) -> Result<[u8; GCM_TAG_SIZE], Fault> {
        let tag = self.key.seal_in_place_separate_tag(nonce, Aad::from(clear), secret).map_err(|_| Fault::Short)?;
        tag.as_ref().first_chunk().copied().ok_or(Fault::Short)
    }

    fn open(&self, nonce: Nonce, clear: &[u8], secret_and_tag: &mut [u8]) -> Result<usize, Fault> {
        let opened = self.key.open_in_place(nonce, Aad::from(clear), secret_and_tag);
        opened.map(|secret| secret.len()).map_err(|_| Fault::NotGenuine)
    }
}

/// What GCM authenticates of an RTCP packet without encrypting it (RFC 7714 9.2). `clear` has 8 bytes.
fn gcm_rtcp_clear(clear: &[u8], mark: [u8; RTCP_INDEX_SIZE]) -> [u8; RTCP_CLEAR_SIZE + RTCP_INDEX_SIZE] {
    let mut authenticated = [0; RTCP_CLEAR_SIZE + RTCP_INDEX_SIZE];
    authenticated[..RTCP_CLEAR_SIZE].copy_from_slice(clear);
    authenticated[RTCP_CLEAR_SIZE..].copy_from_slice(&mark);
    authenticated
}

/// The rollover counter, which is authenticated with every RTP packet but not sent.
fn rollover(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

fn split(room: &mut [u8], length: usize) -> Result<(&mut [u8], &mut [u8]), Fault> {
    room.split_at_mut_checked(length).ok_or(Fault::Short)
}

fn cut(packet: &mut [u8], size: usize) -> Result<(&mut [u8], &[u8]), Fault> {
    let at = packet.len().checked_sub(size).ok_or(Fault::Short)?;
    let (rest, end) = packet.split_at_mut(at);
    Ok((rest, end))
}

/// Takes the name of the key off the end; a packet of another key is not genuine under this one.
fn cut_name<'a>(packet: &'a mut [u8], name: &[u8]) -> Result<&'a mut [u8], Fault> {
    let (rest, found) = cut(packet, name.len())?;
    if found == name { Ok(rest) } else { Err(Fault::NotGenuine) }
}

fn append<const PARTS: usize>(mut rest: &mut [u8], parts: [&[u8]; PARTS]) -> Result<usize, Fault> {
    let mut added = 0;
    for part in parts {
        let (place, behind) = rest.split_at_mut_checked(part.len()).ok_or(Fault::NoRoom)?;
        place.copy_from_slice(part);
        added += part.len();
        rest = behind;
    }
    Ok(added)
}

const _: () = assert!(GROWTH_MAX + MASTER_KEY_NAME_SIZE_MAX < 256);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::srtp::tests::bytes;

    /// RFC 3711 B.2, and the bytes before the first block end.
    #[test]
    fn the_key_stream_of_counter_mode_is_that_of_the_rfc() {
        let key: [u8; 16] = bytes("2B7E151628AED2A6ABF7158809CF4F3C").try_into().unwrap();
        let salt = bytes("F0F1F2F3F4F5F6F7F8F9FAFBFCFD").try_into().unwrap();
        let counter =
            Counter { aes: Aes128::new(&key.into()), salt, mac: Hmac::new_from_slice(&[0; 20]).unwrap(), tag_size: 10 };
        let mut stream = vec![0; 0xff02 * 16];
        counter.apply(&mut stream, 0, 0);
        for (block, expected) in [
            (0, "E03EAD0935C95E80E166B16DD92B4EB4"),
            (1, "D23513162B02D0F72A43A2FE4A5F97AB"),
            (2, "41E95B3BB0A2E8DD477901E4FCA894C0"),
            (0xfeff, "EC8CDF7398607CB0F2D21675EA9EA1E4"),
            (0xff00, "362B7C3C6773516318A077D7FC5073AE"),
            (0xff01, "6A2CC3787889374FBEB4C81B17BA6C44"),
        ] {
            assert_eq!(stream[block * 16..][..16], bytes(expected), "block {block}");
        }
        let mut short = [0; 5];
        counter.apply(&mut short, 0, 0);
        assert_eq!(short, stream[..5]);
    }

    fn gcm() -> Cipher {
        let half = || {
            let salt = bytes("517569642070726f2071756f").try_into().unwrap();
            Half::Gcm(Gcm::new(&std::array::from_fn(|at| at as u8), salt).unwrap())
        };
        Cipher { rtp: half(), rtcp: half() }
    }

    /// RFC 7714 16.1.1 and 16.1.2; its key and salt are session keys.
    #[test]
    fn an_rtp_packet_in_galois_mode_is_that_of_the_rfc() {
        let plain = bytes(
            "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e697320646976697361\
             20696e207061727465732074726573",
        );
        let sealed = bytes(
            "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d\
             7f27beb16a9152cf765ee4390cce",
        );
        let mut room = plain.clone();
        room.resize(200, 0);
        let length = gcm().seal_rtp(&mut room, plain.len(), 12, (0x5501_a0b2, 0xf17b), &[]).unwrap();
        assert_eq!(room[..length], sealed);
        let opened = gcm().open_rtp(&mut room[..length], 12, (0x5501_a0b2, 0xf17b), &[]).unwrap();
        assert_eq!(room[..opened], plain);
    }

    /// RFC 7714 17.1 and 17.2.
    #[test]
    fn an_rtcp_packet_in_galois_mode_is_that_of_the_rfc() {
        let plain = bytes(
            "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
        );
        let sealed = bytes(
            "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275b\
             c84aa45896cf4d2fc5abf87245d9eade800005d4",
        );
        let mut room = plain.clone();
        room.resize(200, 0);
        let length = gcm().seal_rtcp(&mut room, plain.len(), (0x4d61_7273, 0x5d4), &[]).unwrap();
        assert_eq!(room[..length], sealed);
        assert_eq!(gcm().rtcp_index(&room[..length], &[]), Ok(0x5d4));
        let opened = gcm().open_rtcp(&mut room[..length], (0x4d61_7273, 0x5d4), &[]).unwrap();
        assert_eq!(room[..opened], plain);
    }
}
