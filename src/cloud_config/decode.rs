//! `encoding:` of a file → its bytes (coreos-cloudinit: config/decode.go).

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;

/// Larger than any configuration file: a few kilobytes of gzip can hold gigabytes of zeros.
const MAX_SIZE: u64 = 64 << 20;

/// The words for an encoding.
pub const ENCODINGS: &str = "b64, base64, gz, gzip, gz+b64, gz+base64, gzip+b64, gzip+base64";

/// Decodes, or says why that cannot be.
pub fn decode(content: &str, encoding: &str) -> Result<Vec<u8>, String> {
    match encoding {
        "" => Ok(content.as_bytes().to_vec()),
        "b64" | "base64" => base64(content),
        "gz" | "gzip" => gzip(content.as_bytes()),
        "gz+b64" | "gz+base64" | "gzip+b64" | "gzip+base64" => gzip(&base64(content)?),
        other => Err(format!("'{other}' is no encoding; there are {ENCODINGS}")),
    }
}

/// Line breaks do not count.
fn base64(content: &str) -> Result<Vec<u8>, String> {
    let text: String = content.split_ascii_whitespace().collect();
    STANDARD.decode(text).map_err(|error| format!("the content is not base64: {error}"))
}

/// Decompresses all of it.
pub fn gzip(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut decoded = Vec::new();
    match MultiGzDecoder::new(bytes).take(MAX_SIZE + 1).read_to_end(&mut decoded) {
        Err(error) => Err(format!("the content is not gzip: {error}")),
        Ok(_) if decoded.len() as u64 > MAX_SIZE => Err(format!("the content is larger than {} MiB", MAX_SIZE >> 20)),
        Ok(_) => Ok(decoded),
    }
}
