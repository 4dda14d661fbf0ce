//! For the fuzz targets alone: requests of programs that are set up, read without a house.

use super::{autodiscover, basic, wanted_domain, xml};
use crate::problem::Problem;
use axum::http::header::HOST;
use axum::http::{HeaderMap, HeaderValue, Uri};
use postern_types::{Address, Domain, Secret};

fn told(problem: Problem) -> String {
    problem.detail
}

/// Whom a request of Autodiscover is about.
pub fn read_autodiscover(body: &[u8]) -> Result<Address, String> {
    autodiscover::read(body).map_err(told)
}

/// Name and password of a header.
pub fn read_basic(header: &[u8]) -> Option<(String, Secret)> {
    basic::read(&HeaderValue::from_bytes(header).ok()?)
}

/// Which domain autoconfig is asked about; nothing where that is no request.
pub fn read_autoconfig(uri: &str, host: &[u8]) -> Option<Result<Domain, String>> {
    let uri: Uri = uri.parse().ok()?;
    let mut headers = HeaderMap::new();
    headers.insert(HOST, HeaderValue::from_bytes(host).ok()?);
    Some(wanted_domain(&uri, &headers).map_err(told))
}

/// A document with these texts: in an attribute, and one below the other.
pub fn write_xml(attribute: &str, texts: &[&str]) -> String {
    let mut xml = xml::Xml::new("");
    xml.element("root", &[("name", attribute)], |xml| texts.iter().for_each(|text| xml.text("text", text)));
    xml.finish()
}
