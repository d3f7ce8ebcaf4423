//! The arithmetic of digest: algorithms, H(A1), and the response that both sides compute (RFC 7616 3.4).
//!
//! No header is read or written here.

use md5::Md5;
use sha2::Sha256;

/// The algorithms that we speak. Others of RFC 7616 (`SHA-512-256`, the `-sess` forms) are not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// RFC 1321; what most PBXs still speak.
    Md5,
    /// RFC 8760.
    Sha256,
}

impl Algorithm {
    /// The token of the `algorithm` parameter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
        }
    }

    /// Reads the token, in any case.
    pub fn parse(token: &[u8]) -> Option<Algorithm> {
        [Algorithm::Md5, Algorithm::Sha256]
            .into_iter()
            .find(|known| token.eq_ignore_ascii_case(known.as_str().as_bytes()))
    }
}

/// What is kept instead of a password: H(user:realm:password) under both algorithms. It is as good as the password for this
/// realm, so it never prints itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ha1 {
    /// MD5 of `user:realm:password`.
    pub md5: [u8; 16],
    /// SHA-256 of `user:realm:password`.
    pub sha256: [u8; 32],
}

impl Ha1 {
    /// Computes both hashes.
    pub fn new(user: &str, realm: &str, password: &str) -> Ha1 {
        let parts = [user.as_bytes(), b":", realm.as_bytes(), b":", password.as_bytes()];
        Ha1 { md5: hash::<Md5>(&parts).into(), sha256: hash::<Sha256>(&parts).into() }
    }
}

impl std::fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ha1")
    }
}

/// What enters the response besides H(A1), each exactly as it stands in the credentials (quotes taken off).
#[derive(Clone, Copy, Debug)]
pub struct Ingredients<'a> {
    /// The method of the request.
    pub method: &'a [u8],
    /// The `uri` parameter.
    pub uri: &'a [u8],
    /// The nonce.
    pub nonce: &'a [u8],
    /// Nonce count and client nonce where `qop=auth` is used; `None` for the form of RFC 2069.
    pub counted: Option<(&'a [u8], &'a [u8])>,
}

/// The longest response in hexadecimal: SHA-256.
const HEX_MAX: usize = 64;

/// A response: lower-case hexadecimal, 32 (MD5) or 64 (SHA-256) digits.
#[derive(Clone, Copy)]
pub struct Response {
    digits: [u8; HEX_MAX],
    length: usize,
}

impl Response {
    /// The digits.
    pub fn as_bytes(&self) -> &[u8] {
        &self.digits[..self.length]
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        // Hexadecimal digits are ASCII.
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    fn of(hash: &[u8]) -> Response {
        let mut digits = [0; HEX_MAX];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(hash) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 15)];
        }
        Response { digits, length: hash.len() * 2 }
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// The response that proves knowledge of `ha1` (RFC 7616 3.4.1, or RFC 2069 2.1.2 where nothing is counted).
pub fn response(algorithm: Algorithm, ha1: &Ha1, ingredients: &Ingredients<'_>) -> Response {
    match algorithm {
        Algorithm::Md5 => respond::<Md5>(&ha1.md5, ingredients),
        Algorithm::Sha256 => respond::<Sha256>(&ha1.sha256, ingredients),
    }
}

fn respond<H: md5::Digest>(ha1: &[u8], given: &Ingredients<'_>) -> Response {
    let ha1 = Response::of(ha1);
    let ha2 = Response::of(&hash::<H>(&[given.method, b":", given.uri]));
    Response::of(&match given.counted {
        Some((count, cnonce)) => {
            hash::<H>(&[ha1.as_bytes(), b":", given.nonce, b":", count, b":", cnonce, b":auth:", ha2.as_bytes()])
        }
        None => hash::<H>(&[ha1.as_bytes(), b":", given.nonce, b":", ha2.as_bytes()]),
    })
}

fn hash<H: md5::Digest>(parts: &[&[u8]]) -> md5::digest::Output<H> {
    let mut hasher = H::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7616 3.9.1.
    #[test]
    fn rfc_7616_3_9_1_gives_its_responses() {
        let ha1 = Ha1::new("Mufasa", "http-auth@example.org", "Circle of Life");
        let given = Ingredients {
            method: b"GET",
            uri: b"/dir/index.html",
            nonce: b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            counted: Some((b"00000001", b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")),
        };
        assert_eq!(response(Algorithm::Md5, &ha1, &given).as_str(), "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(
            response(Algorithm::Sha256, &ha1, &given).as_str(),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
    }

    /// RFC 2617 3.5, and its request without qop as RFC 2069 (with the erratum of that RFC) computes it.
    #[test]
    fn rfc_2617_3_5_gives_its_response() {
        let ha1 = Ha1::new("Mufasa", "testrealm@host.com", "Circle Of Life");
        let mut given = Ingredients {
            method: b"GET",
            uri: b"/dir/index.html",
            nonce: b"dcd98b7102dd2f0e8b11d0f600bfb0c093",
            counted: Some((b"00000001", b"0a4f113b")),
        };
        assert_eq!(response(Algorithm::Md5, &ha1, &given).as_str(), "6629fae49393a05397450978507c4ef1");
        given.counted = None;
        assert_eq!(response(Algorithm::Md5, &ha1, &given).as_str(), "670fd8c2df070c60b045671b8b24ff02");
    }

    #[test]
    fn a_password_equivalent_never_prints_itself() {
        assert_eq!(format!("{:?}", Ha1::new("a", "b", "c")), "Ha1");
    }
}
