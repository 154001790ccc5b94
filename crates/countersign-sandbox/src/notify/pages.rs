//! What receivers of notifications fetch from the sandbox: its certificates, and the pages at a
//! subscription's URLs. They are public, as Amazon's are: any request with a subscription's name
//! ends the subscription. The subscriptions of the operator's endpoints cannot be ended.

use countersign_http::{Request, Response};
use countersign_protocol::wire::{Error, Object as _, ReasonCode};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};

use super::certificate::Certificates;
use super::endpoint::{Endpoint, GivenBy};
use super::envelope::{TOPIC_ARN, subscription_arn};
use crate::app::App;
use crate::http::render::response;

/// Answers a request, if it is for one of these pages.
pub(crate) async fn answer(app: &App, request: &Request) -> Option<Response> {
    if request.method() != Method::GET {
        return None;
    }
    let path = request.uri().path();
    if Certificates::is_path(path) {
        return Some(match app.notices.certificates.at(path) {
            Some(pem) => {
                let mut response = response(200, pem.into());
                let media_type = HeaderValue::from_static("application/x-pem-file");
                response.headers_mut().insert(CONTENT_TYPE, media_type);
                response
            }
            None => not_found("There is no such certificate."),
        });
    }
    let query = request.uri().query().filter(|_| path == "/")?;
    let parameter = |name| {
        let parameters = query.split('&').filter_map(|parameter| parameter.split_once('='));
        parameters.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    };
    match parameter("Action")? {
        "ConfirmSubscription" => Some(match app.book.confirm_endpoint(parameter("Token")?).await {
            Ok(Some(endpoint)) => confirmed(&endpoint),
            Ok(None) => not_found("No endpoint has this token."),
            Err(_) => failed(),
        }),
        "Unsubscribe" => {
            let subscription = parameter("SubscriptionArn")?.strip_prefix(TOPIC_ARN)?.strip_prefix(':')?;
            Some(unsubscribe(app, subscription).await)
        }
        _ => None,
    }
}

async fn unsubscribe(app: &App, subscription: &str) -> Response {
    match app.book.endpoints.with_subscription(subscription) {
        None => not_found("There is no such subscription."),
        Some(Endpoint { given_by: GivenBy::Operator, .. }) => {
            let message = "This endpoint is the operator's: only who starts the sandbox removes it.";
            refused(StatusCode::METHOD_NOT_ALLOWED, ReasonCode::UnsupportedOperation, message)
        }
        Some(endpoint) => match app.book.remove_endpoints(Some(&endpoint.id)).await {
            Ok(0) => not_found("There is no such subscription."),
            Ok(_) => confirmed(&endpoint),
            Err(_) => failed(),
        },
    }
}

fn refused(status: StatusCode, reason_code: ReasonCode, message: &str) -> Response {
    response(status.as_u16(), Error::new(reason_code, message).to_answer().into())
}

fn not_found(message: &str) -> Response {
    refused(StatusCode::NOT_FOUND, ReasonCode::ResourceNotFound, message)
}

fn failed() -> Response {
    let (status, code) = (StatusCode::SERVICE_UNAVAILABLE, ReasonCode::ServiceUnavailable);
    refused(status, code, "The store cannot be written.")
}

fn confirmed(endpoint: &Endpoint) -> Response {
    let body = format!(r#"{{"subscriptionArn":"{}"}}"#, subscription_arn(endpoint));
    response(200, body.into())
}
