//! The router: everything that answers on the one port.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;
use tonic::Status;
use tonic::service::Routes;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_web::GrpcWebLayer;

use super::alarm::AlarmApi;
use super::demo::DemoApi;
use super::error::with_hint;
use super::history::HistoryApi;
use super::prediction::PredictionApi;
use super::proto;
use super::proto::alarm_service_server::AlarmServiceServer;
use super::proto::demo_service_server::DemoServiceServer;
use super::proto::history_service_server::HistoryServiceServer;
use super::proto::prediction_service_server::PredictionServiceServer;
use super::proto::status_service_server::StatusServiceServer;
use super::status::StatusApi;
use super::{ServeError, Services, dashboard, rest};

/// What `/readyz` says.
#[derive(Clone)]
struct Readiness {
    ready: watch::Receiver<bool>,
    stopping: watch::Receiver<bool>,
}

/// The routes of all services.
pub(super) fn router(
    services: Services,
    health: HealthServer<impl Health>,
    stopping: watch::Receiver<bool>,
) -> Result<Router, ServeError> {
    let Services { live, sql, tables, models, alarms, machines, sensors, plants, metrics, ready } = services;
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let predictions =
        PredictionApi { live: Arc::clone(&live), sql: Arc::clone(&sql), stopping: stopping.clone() };
    let status = StatusApi {
        live,
        tables,
        models,
        alarms: Arc::clone(&alarms.live),
        machines,
        sensors,
        demo: plants.is_some(),
        stopping: stopping.clone(),
    };
    let alarms = AlarmApi { parts: alarms, sql: Arc::clone(&sql), stopping: stopping.clone() };
    let grpc = Routes::from(Router::new())
        .add_service(StatusServiceServer::new(status))
        .add_service(HistoryServiceServer::new(HistoryApi { sql }))
        .add_service(AlarmServiceServer::new(alarms))
        .add_service(PredictionServiceServer::new(predictions))
        .add_service(DemoServiceServer::new(DemoApi { plants }))
        .add_service(health)
        // Old clients, grpcurl among them, ask in the words of v1alpha.
        .add_service(reflection().build_v1().map_err(ServeError::Reflection)?)
        .add_service(reflection().build_v1alpha().map_err(ServeError::Reflection)?);
    let grpc = grpc.into_axum_router();
    let rest = rest::router(grpc.clone().fallback(not_found))?;
    // The layer refuses HTTP/1.1 that is not gRPC-Web, so it must not cover the plain pages.
    Ok(grpc
        .layer(GrpcWebLayer::new())
        .merge(rest)
        .route("/metrics", get(render).with_state(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz).with_state(Readiness { ready, stopping }))
        .fallback(not_found))
}

async fn render(State(metrics): State<PrometheusHandle>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render())
}

async fn readyz(State(readiness): State<Readiness>) -> (StatusCode, &'static str) {
    if *readiness.stopping.borrow() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
    } else if *readiness.ready.borrow() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "starting\n")
    }
}

/// What no route takes: in the caller's language, and the dashboard's pages.
async fn not_found(request: Request<Body>) -> Response {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if content_type.is_some_and(|content_type| content_type.starts_with("application/grpc")) {
        let message = with_hint("this server does not have the service", "reflection lists those there are");
        return Status::unimplemented(message).into_http::<Body>();
    }
    let path = request.uri().path();
    if path.strip_prefix(rest::ROOT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
        return rest::not_found(path);
    }
    dashboard::answer(&request).unwrap_or_else(|| {
        let pages = "no such page. There are / (the dashboard), /api/openapi.json (REST), /metrics, /healthz, /readyz; \
            the rest of this port is gRPC and gRPC-Web.\n";
        (StatusCode::NOT_FOUND, pages).into_response()
    })
}
