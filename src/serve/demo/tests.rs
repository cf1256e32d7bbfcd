use std::sync::Mutex;

use tonic::Code;

use super::*;
use crate::serve::error::field_of;
use crate::serve::proto::demo_service_client::DemoServiceClient;
use crate::serve::proto::status_service_client::StatusServiceClient;
use crate::serve::testing::{Engine, Server};

/// Plants with one machine, `m`, and one fault, `leak`.
#[derive(Default)]
struct OnePlant(Mutex<Vec<FaultOrder>>);

#[async_trait]
impl Plants for OnePlant {
    async fn menu(&self) -> Result<FaultMenu, PlantsError> {
        Ok(FaultMenu { kinds: vec!["leak".into()], machines: vec!["m".into()] })
    }

    async fn inject(&self, order: FaultOrder) -> Result<(), PlantsError> {
        match order {
            FaultOrder { machine, .. } if machine != "m" => Err(PlantsError::Machine(machine)),
            FaultOrder { kind, .. } if kind != "leak" => {
                Err(PlantsError::Kind { kind, known: "leak".into() })
            }
            order => {
                self.0.lock().unwrap().push(order);
                Ok(())
            }
        }
    }
}

fn request(machine: &str, kind: &str) -> proto::InjectFaultRequest {
    proto::InjectFaultRequest { machine_id: machine.into(), kind: kind.into(), ..Default::default() }
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

#[tokio::test]
async fn without_plants_there_is_nothing_to_break() {
    let server = Server::start().await;
    let mut client = DemoServiceClient::new(server.channel().await);
    let refused = client.list_fault_kinds(proto::ListFaultKindsRequest {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
    let refused = client.inject_fault(request("m", "leak")).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
    assert!(refused.message().contains("not simulated"), "{refused}");
    let mut status = StatusServiceClient::new(server.channel().await);
    let request = proto::GetSystemStatusRequest {};
    assert!(!status.get_system_status(request).await.unwrap().into_inner().demo);
}

#[tokio::test]
async fn a_fault_reaches_the_plants_and_a_wrong_one_names_its_field() {
    let plants = Arc::new(OnePlant::default());
    let server = Server::with(Engine::with_rows(1), Some(Arc::clone(&plants) as _)).await;
    let mut client = DemoServiceClient::new(server.channel().await);
    let menu = client.list_fault_kinds(proto::ListFaultKindsRequest {}).await.unwrap().into_inner();
    assert_eq!((menu.kinds, menu.machine_ids), (vec!["leak".to_owned()], vec!["m".to_owned()]));
    client.inject_fault(request("m", "leak")).await.unwrap();
    let slow = proto::InjectFaultRequest {
        severity: Some(0.25),
        growth: seconds(60),
        duration: seconds(90),
        ..request("m", "leak")
    };
    client.inject_fault(slow).await.unwrap();
    let order = |severity, growth, duration: Option<u64>| FaultOrder {
        machine: "m".into(),
        kind: "leak".into(),
        severity,
        growth: Duration::from_secs(growth),
        duration: duration.map(Duration::from_secs),
    };
    assert_eq!(*plants.0.lock().unwrap(), [order(1.0, 0, None), order(0.25, 60, Some(90))]);
    for (wrong, code, field) in [
        (request("x", "leak"), Code::NotFound, "machine_id"),
        (request("m", "rust"), Code::InvalidArgument, "kind"),
        (
            proto::InjectFaultRequest { severity: Some(1.5), ..request("m", "leak") },
            Code::InvalidArgument,
            "severity",
        ),
        (
            proto::InjectFaultRequest { growth: seconds(-1), ..request("m", "leak") },
            Code::InvalidArgument,
            "growth",
        ),
        (
            proto::InjectFaultRequest { duration: seconds(0), ..request("m", "leak") },
            Code::InvalidArgument,
            "duration",
        ),
    ] {
        let refused = client.inject_fault(wrong).await.unwrap_err();
        assert_eq!((refused.code(), field_of(&refused)), (code, Some(field)), "{refused}");
    }
    let mut status = StatusServiceClient::new(server.channel().await);
    let request = proto::GetSystemStatusRequest {};
    assert!(status.get_system_status(request).await.unwrap().into_inner().demo);
}
