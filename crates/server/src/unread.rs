//! What a handler leaves unread of a request is read before the connection goes on.
//!
//! Many clients send head and body apart. One that is refused by its head alone would find its
//! next request at a connection that hyper has shut, for the rest of the body stood in the way:
//! RFC 9112 section 9.3 wants it read, or the connection said to end.

use axum::http::HeaderValue;
use axum::http::header::{CONNECTION, EXPECT};
use axum::http::request::Parts;
use axum::response::Response;
use hyper::Request;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// As much as a document may hold; who sends more is told that the connection ends.
const MOST: usize = 64 << 10;
/// What is on its way already comes in less.
const LONGEST: Duration = Duration::from_secs(5);

/// A body that comes back to its lender.
struct Lent<B>(Arc<Mutex<B>>);

/// Whether a client waits to be told to send (RFC 9110 section 10.1.1): reading its body would tell it so.
fn waits(head: &Parts, body: &impl Body) -> bool {
    head.headers.contains_key(EXPECT) && !body.is_end_stream()
}

impl<B: Body<Data = Bytes> + Unpin> Body for Lent<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).size_hint()
    }
}

/// Asks the router, then reads what it left of the body: all of it, or the answer says that the
/// connection ends.
pub(crate) async fn ask<B>(
    request: Request<B>,
    router: impl AsyncFnOnce(Request<axum::body::Body>) -> Result<Response, Infallible>,
) -> Result<Response, Infallible>
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    let (head, body) = request.into_parts();
    let is_wanted = !waits(&head, &body);
    let body = Arc::new(Mutex::new(body));
    let lent = axum::body::Body::new(Lent(Arc::clone(&body)));
    let mut response = router(Request::from_parts(head, lent)).await?;
    // With `Expect` a body may have been read to its end all the same; where not, none is asked for here.
    let is_over = body.lock().unwrap_or_else(PoisonError::into_inner).is_end_stream();
    let goes_on = is_over || is_wanted && tokio::time::timeout(LONGEST, is_read(&body)).await.unwrap_or(false);
    if !goes_on {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// Reads to the end; false where there is more than a document may hold, or the client is gone.
async fn is_read<B: Body<Data = Bytes> + Unpin>(body: &Mutex<B>) -> bool {
    let mut left = MOST;
    if body.lock().unwrap_or_else(PoisonError::into_inner).size_hint().lower() > MOST as u64 {
        return false;
    }
    std::future::poll_fn(|context| {
        let mut body = body.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if body.is_end_stream() {
                return Poll::Ready(true);
            }
            match ready!(Pin::new(&mut *body).poll_frame(context)) {
                None => return Poll::Ready(true),
                Some(Err(_)) => return Poll::Ready(false),
                Some(Ok(frame)) => match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                    Some(rest) => left = rest,
                    None => return Poll::Ready(false),
                },
            }
        }
    })
    .await
}
