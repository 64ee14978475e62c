//! What is answered to whom.

use super::source::Source;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

/// Prometheus' text format.
const METRICS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

const PAGE: &str = "\
<!DOCTYPE html>
<html lang=\"en\">
<head><meta charset=\"utf-8\"><title>vault-unseal</title></head>
<body>
<h1>vault-unseal</h1>
<p>For Prometheus: <a href=\"/metrics\">metrics</a>, and
<a href=\"/metrics?names=vault_exporter\">metrics under the names of vault_exporter</a>.</p>
</body>
</html>
";

/// The answer to a request.
pub(super) async fn answer<B>(request: Request<B>, source: &Source) -> Response<Full<Bytes>> {
    let known = matches!(request.uri().path(), "/" | "/metrics");
    if !known {
        return refused(StatusCode::NOT_FOUND, "Here are / and /metrics.\n");
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut answer = refused(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD.\n");
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    if request.uri().path() == "/" {
        return whole(HTML, Bytes::from_static(PAGE.as_bytes()));
    }
    let query = request.uri().query().unwrap_or_default();
    match query.split('&').find_map(|pair| pair.strip_prefix("names=")) {
        None => whole(METRICS, source.metrics(false).await),
        Some("vault_exporter") => whole(METRICS, source.metrics(true).await),
        Some(_) => refused(StatusCode::BAD_REQUEST, "names=vault_exporter is the only one that there is.\n"),
    }
}

fn whole(content_type: HeaderValue, body: Bytes) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body));
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}

fn refused(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut answer = whole(TEXT, Bytes::from_static(text.as_bytes()));
    *answer.status_mut() = status;
    answer
}
