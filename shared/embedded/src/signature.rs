//! AWS Signature Version 4, verified.
//! Source: AWS IAM User Guide, "Create a signed AWS API request".

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha2::{Digest, Sha256};

/// The credential of one start: whoever knows it may use the port.
#[derive(Clone)]
pub(crate) struct Credential {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
}

impl Credential {
    /// 128 random bits name it, 256 prove it.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut bits = [0_u8; 48];
        getrandom::fill(&mut bits)?;
        let (name, proof) = bits.split_at(16);
        Ok(Self {
            access_key_id: HEXLOWER.encode(name),
            secret_access_key: HEXLOWER.encode(proof),
        })
    }

    /// Whether the request, a `POST /` without a query, was signed with the secret, its body and its
    /// operation included.
    pub(crate) fn signed(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        self.verify(headers, body).is_some()
    }

    fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Option<()> {
        let authorization = headers.get("authorization")?.to_str().ok()?;
        let mut fields = authorization
            .strip_prefix("AWS4-HMAC-SHA256 ")?
            .split(',')
            .map(|field| field.trim().split_once('='));
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        while let Some(Some((name, value))) = fields.next() {
            match name {
                "Credential" => credential = Some(value),
                "SignedHeaders" => signed_headers = Some(value),
                "Signature" => signature = Some(value),
                _ => return None,
            }
        }
        let (credential, signed_headers) = (credential?, signed_headers?);
        let signature = HEXLOWER.decode(signature?.as_bytes()).ok()?;

        let (access_key_id, scope) = credential.split_once('/')?;
        let mut parts = scope.split('/');
        let (date, region, service) = (parts.next()?, parts.next()?, parts.next()?);
        let time = headers.get("x-amz-date")?.to_str().ok()?;
        let covered = ["host", "x-amz-date", "x-amz-target"]
            .iter()
            .all(|name| signed_headers.split(';').any(|signed| signed == *name));
        if access_key_id != self.access_key_id
            || service != "dynamodb"
            || !time.starts_with(date)
            || !covered
        {
            return None;
        }

        let canonical = canonical_request(headers, signed_headers, body)?;
        let text = format!(
            "AWS4-HMAC-SHA256\n{time}\n{scope}\n{}",
            HEXLOWER.encode(&Sha256::digest(canonical))
        );
        let secret = format!("AWS4{}", self.secret_access_key);
        let key = [date, region, service, "aws4_request"]
            .iter()
            .fold(secret.into_bytes(), |key, part| {
                mac(&key, part).finalize().into_bytes().to_vec()
            });
        // Compares in constant time.
        mac(&key, &text).verify_slice(&signature).ok()
    }
}

fn canonical_request(headers: &HeaderMap, signed_headers: &str, body: &[u8]) -> Option<String> {
    let mut canonical = String::from("POST\n/\n\n");
    for name in signed_headers.split(';') {
        let values = headers
            .get_all(name)
            .iter()
            .map(|value| {
                let words = value
                    .to_str()
                    .ok()?
                    .split(' ')
                    .filter(|word| !word.is_empty());
                Some(words.collect::<Vec<_>>().join(" "))
            })
            .collect::<Option<Vec<_>>>()?;
        canonical += &format!("{name}:{}\n", values.join(","));
    }
    canonical += &format!(
        "\n{signed_headers}\n{}",
        HEXLOWER.encode(&Sha256::digest(body))
    );
    Some(canonical)
}

fn mac(key: &[u8], text: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac
}
