//! Which function answers a request: a table whose rows are a method, a path and a function. The paths are
//! matched by `matchit`; the server decides how a request without a row is answered.

use std::fmt;
use std::future::Future;

use futures_util::future::BoxFuture;
use http::Method;

use crate::handler::{Request, Response};

/// Why no function of a table answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoutingError {
    /// No row has this path.
    NoSuchPath,
    /// The path has rows, but none with this method.
    WrongMethod {
        /// The methods of the path's rows, as the header `allow` lists them, in alphabetical order.
        allowed: String,
    },
}

/// The variable part of a path, as a route's function takes it.
pub trait Parameter<E>: Sized {
    /// The value of a segment as it was sent: it is not percent-decoded, and it may be empty.
    ///
    /// # Errors
    /// The server's answer to a segment that is not valid.
    fn from_segment(segment: &str) -> Result<Self, E>;
}

impl<E> Parameter<E> for String {
    fn from_segment(segment: &str) -> Result<Self, E> {
        Ok(segment.to_owned())
    }
}

/// The function of a row: an `async fn(S, Request)`, or one that also takes the path's one or two
/// [`Parameter`]s, in their order. `A` distinguishes these. A server may implement it for a function that has
/// a condition.
pub trait Function<S, E, A>: Send + Sync + 'static {
    /// Calls the function.
    ///
    /// # Errors
    /// If a segment is not valid as the function's parameter.
    fn call(&self, state: S, request: Request, segments: Segments<'_>) -> Result<RouteFuture<E>, E>;
}

/// What a function of a row returns.
pub type RouteFuture<E> = BoxFuture<'static, Result<Response, E>>;

/// The segments in the places of a path's parameters, in their order; empty for a parameter that the path does
/// not have.
pub type Segments<'a> = [&'a str; PARAMETERS];

/// The largest number of parameters of a path.
const PARAMETERS: usize = 2;

impl<S, E, F, R> Function<S, E, ()> for F
where
    F: Fn(S, Request) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Response, E>> + Send + 'static,
{
    fn call(&self, state: S, request: Request, _: Segments<'_>) -> Result<RouteFuture<E>, E> {
        Ok(Box::pin(self(state, request)))
    }
}

impl<S, E, P, F, R> Function<S, E, (P,)> for F
where
    P: Parameter<E>,
    F: Fn(S, Request, P) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Response, E>> + Send + 'static,
{
    fn call(&self, state: S, request: Request, [segment, _]: Segments<'_>) -> Result<RouteFuture<E>, E> {
        Ok(Box::pin(self(state, request, P::from_segment(segment)?)))
    }
}

impl<S, E, P, Q, F, R> Function<S, E, (P, Q)> for F
where
    P: Parameter<E>,
    Q: Parameter<E>,
    F: Fn(S, Request, P, Q) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Response, E>> + Send + 'static,
{
    fn call(&self, state: S, request: Request, [first, second]: Segments<'_>) -> Result<RouteFuture<E>, E> {
        Ok(Box::pin(self(state, request, P::from_segment(first)?, Q::from_segment(second)?)))
    }
}

type RouteCall<S, E> = Box<dyn Fn(S, Request, Segments<'_>) -> Result<RouteFuture<E>, E> + Send + Sync>;

/// Why a row does not fit a table.
#[derive(Debug, Clone, PartialEq, Eq)]
enum RowError {
    /// The table already has a row with this method and path.
    TwoRows(Method),
    /// The path has more than two parameters.
    ThreeParameters,
    /// The path is not valid, or another path matches the same requests.
    Path(matchit::InsertError),
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TwoRows(method) => write!(f, "it has two rows for {method}"),
            Self::ThreeParameters => f.write_str("it has more than two parameters"),
            Self::Path(why) => why.fmt(f),
        }
    }
}

/// A table of routes whose functions share a state `S` and refuse with an `E`.
///
/// A path may have one parameter, as in `/orders/{orderId}/lines`, or two. If two paths match, the one with
/// fewer parameters counts. One slash at the end of a path is ignored.
pub struct Router<S, E> {
    templates: matchit::Router<&'static str>,
    /// The method, the template of the path, and the function.
    rows: Vec<(Method, &'static str, RouteCall<S, E>)>,
}

impl<S: 'static, E: 'static> Router<S, E> {
    /// A table without rows.
    #[expect(clippy::new_without_default, reason = "a table without rows is only how one begins")]
    pub fn new() -> Self {
        Self { templates: matchit::Router::new(), rows: Vec::new() }
    }

    /// A row for `GET` and `HEAD`. The body of an answer to `HEAD` is not sent.
    pub fn get_and_head<A>(self, path: &'static str, function: impl Function<S, E, A> + Copy) -> Self {
        self.row(Method::GET, path, function).row(Method::HEAD, path, function)
    }

    /// A row only for `GET`.
    pub fn get<A>(self, path: &'static str, function: impl Function<S, E, A>) -> Self {
        self.row(Method::GET, path, function)
    }

    /// A row for `POST`.
    pub fn post<A>(self, path: &'static str, function: impl Function<S, E, A>) -> Self {
        self.row(Method::POST, path, function)
    }

    /// A row for `PUT`.
    pub fn put<A>(self, path: &'static str, function: impl Function<S, E, A>) -> Self {
        self.row(Method::PUT, path, function)
    }

    /// A row for `DELETE`.
    pub fn delete<A>(self, path: &'static str, function: impl Function<S, E, A>) -> Self {
        self.row(Method::DELETE, path, function)
    }

    /// Panics if the row does not fit the table: the rows come from the program, never from a request.
    fn row<A>(mut self, method: Method, template: &'static str, function: impl Function<S, E, A>) -> Self {
        match self.add(method, template, function) {
            Ok(()) => self,
            Err(why) => panic!("{template}: {why}"),
        }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`RowError`] if the row does not fit the table.
    fn add<A>(
        &mut self,
        method: Method,
        template: &'static str,
        function: impl Function<S, E, A>,
    ) -> Result<(), RowError> {
        let known = || self.rows.iter().filter(|row| row.1 == template);
        if known().any(|row| row.0 == method) {
            return Err(RowError::TwoRows(method));
        }
        let parameters: Vec<&str> = parameters(template).collect();
        if parameters.len() > PARAMETERS {
            return Err(RowError::ThreeParameters);
        }
        if known().next().is_none() {
            // In `matchit`, a parameter does not match an empty segment, so each path without a
            // segment is added as well.
            let mut paths = vec![template.to_owned()];
            for name in parameters {
                let without = |path: &String| path.replace(&format!("{{{name}}}"), "");
                paths.extend(paths.iter().map(without).collect::<Vec<_>>());
            }
            for path in paths.into_iter().rev() {
                self.templates.insert(path, template).map_err(RowError::Path)?;
            }
        }
        let call = move |state, request, segments: Segments<'_>| function.call(state, request, segments);
        self.rows.push((method, template, Box::new(call)));
        Ok(())
    }

    /// Answers a request by calling the function of its row.
    ///
    /// # Errors
    /// What the function or its parameter refuses, and [`RoutingError`] if there is no row.
    pub async fn answer(&self, state: S, request: Request) -> Result<Response, E>
    where
        E: From<RoutingError>,
    {
        let answering = {
            let uri = request.uri().clone();
            let (template, segments) = self.at(uri.path()).ok_or(RoutingError::NoSuchPath)?;
            let row = self.rows.iter().find(|row| row.1 == template && row.0 == *request.method());
            let (.., call) =
                row.ok_or_else(|| RoutingError::WrongMethod { allowed: self.methods(template) })?;
            call(state, request, segments)?
        };
        answering.await
    }

    /// The methods that a path accepts, as the header `allow` lists them; `None` for a path without rows.
    pub fn allowed(&self, path: &str) -> Option<String> {
        self.at(path).map(|(template, _)| self.methods(template))
    }

    fn methods(&self, template: &str) -> String {
        let rows = self.rows.iter().filter(|row| row.1 == template);
        let mut methods: Vec<&str> = rows.map(|row| row.0.as_str()).collect();
        methods.sort_unstable();
        methods.join(", ")
    }

    /// The template that a path matches, and the segments in the places of its parameters.
    fn at<'path>(&self, path: &'path str) -> Option<(&'static str, Segments<'path>)> {
        let found = self.templates.at(path.strip_suffix('/').unwrap_or(path)).ok()?;
        let mut segments = Segments::default();
        for (segment, name) in segments.iter_mut().zip(parameters(found.value)) {
            *segment = found.params.get(name).unwrap_or_default();
        }
        Some((*found.value, segments))
    }
}

/// The names of a template's parameters, in their order.
fn parameters(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::FutureExt as _;

    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    enum Refused {
        Unrouted(RoutingError),
        NoNumber,
    }

    impl From<RoutingError> for Refused {
        fn from(unrouted: RoutingError) -> Self {
            Self::Unrouted(unrouted)
        }
    }

    impl Parameter<Refused> for u32 {
        fn from_segment(segment: &str) -> Result<Self, Refused> {
            segment.parse().map_err(|_| Refused::NoNumber)
        }
    }

    type RouteResult = Result<Response, Refused>;

    fn text(text: String) -> RouteResult {
        Ok(Response::new(Bytes::from(text)))
    }

    async fn all(state: &'static str, _: Request) -> RouteResult {
        text(format!("{state}: all"))
    }

    async fn number(_: &'static str, request: Request, number: u32) -> RouteResult {
        text(format!("{} {number}", request.method()))
    }

    async fn word(_: &'static str, _: Request, word: String) -> RouteResult {
        text(format!("word [{word}]"))
    }

    async fn both(_: &'static str, _: Request, word: String, number: u32) -> RouteResult {
        text(format!("both [{word}] {number}"))
    }

    fn router() -> Router<&'static str, Refused> {
        Router::new()
            .post("/numbers", all)
            .get_and_head("/numbers", all)
            .put("/numbers/{number}", number)
            .delete("/numbers/{number}", number)
            .get("/words/{word}", word)
            .get("/words/all", all)
            .get("/words/{word}/end", word)
            .get("/words/{word}/numbers/{number}", both)
    }

    fn answer(method: Method, path: &str) -> Result<String, Refused> {
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap_or_default();
        let answered = router().answer("state", request).now_or_never();
        let answered = answered.unwrap_or(Err(Refused::NoNumber));
        answered.map(|it| String::from_utf8_lossy(it.body()).into_owned())
    }

    #[test]
    fn a_row_is_found_by_its_method_and_path() {
        for (method, path, expected) in [
            (Method::POST, "/numbers", "state: all"),
            (Method::HEAD, "/numbers/", "state: all"),
            (Method::PUT, "/numbers/7", "PUT 7"),
            (Method::DELETE, "/numbers/7/?a=b", "DELETE 7"),
            (Method::GET, "/words/all", "state: all"),
            (Method::GET, "/words/%61ll", "word [%61ll]"),
            (Method::GET, "/words/{word}", "word [{word}]"),
            (Method::GET, "/words//", "word []"),
            (Method::GET, "/words//end", "word []"),
            (Method::GET, "/words/one/numbers/2/", "both [one] 2"),
            (Method::GET, "/words//numbers/2", "both [] 2"),
            (Method::GET, "http://host.example/words/one", "word [one]"),
        ] {
            assert_eq!(answer(method, path).as_deref(), Ok(expected), "{path}");
        }
    }

    #[test]
    fn a_segment_that_cannot_be_the_parameter_is_refused_by_the_server() {
        assert_eq!(answer(Method::PUT, "/numbers/seven"), Err(Refused::NoNumber));
        assert_eq!(answer(Method::PUT, "/numbers//"), Err(Refused::NoNumber));
        for path in ["/words/one/numbers/two", "/words/one/numbers//", "/words//numbers//"] {
            assert_eq!(answer(Method::GET, path), Err(Refused::NoNumber), "{path}");
        }
    }

    #[test]
    fn a_path_without_rows_is_told_apart_from_one_with_other_methods() {
        for path in
            ["/", "*", "/words", "/words/", "/words/one/", "//words/one", "/words/one//", "/words/one/ends"]
        {
            let expected = match path {
                "/words/one/" => Ok("word [one]".to_owned()),
                _ => Err(Refused::Unrouted(RoutingError::NoSuchPath)),
            };
            assert_eq!(answer(Method::GET, path), expected, "{path}");
        }
        for (path, allowed) in
            [("/numbers", "GET, HEAD, POST"), ("/numbers/x", "DELETE, PUT"), ("/words/one/end/", "GET")]
        {
            let expected = RoutingError::WrongMethod { allowed: allowed.to_owned() };
            assert_eq!(answer(Method::PATCH, path), Err(Refused::Unrouted(expected)), "{path}");
            assert_eq!(router().allowed(path).as_deref(), Some(allowed));
        }
        assert_eq!(router().allowed("/words"), None);
    }

    #[test]
    fn a_row_that_does_not_fit_the_table_is_refused() {
        let conflict = matchit::InsertError::Conflict { with: "/words/".to_owned() };
        let one_word = |template| router().add(Method::GET, template, word);
        assert_eq!(router().add(Method::GET, "/words/all", all), Err(RowError::TwoRows(Method::GET)));
        assert_eq!(one_word("/words/{name}"), Err(RowError::Path(conflict)));
        assert_eq!(one_word("/words/{word}/of/{number}/{of}"), Err(RowError::ThreeParameters));
        assert_eq!(router().add(Method::POST, "/words/all", all), Ok(()));
    }
}
