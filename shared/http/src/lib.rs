//! The one axum router: routes, authentication, problems, OpenAPI.
