use super::*;
use crate::simulate::Mode;

fn fleet() -> Fleet {
    Fleet::new(&FleetConfig { machines: 12, faulty_share: 0.0, ..FleetConfig::default() }).unwrap()
}

fn order(machine: &str, kind: &str) -> FaultOrder {
    FaultOrder {
        machine: machine.into(),
        kind: kind.into(),
        severity: 0.5,
        growth: Duration::from_secs(60),
        duration: Some(Duration::from_secs(3600)),
    }
}

#[test]
fn an_order_becomes_a_fault_of_the_fleet() {
    let mut fleet = fleet();
    fleet.step().unwrap();
    inject(&mut fleet, &order("7", "fouled_condenser")).unwrap();
    let start = FleetConfig::default().start + 1_000_000;
    let fault = fleet.faults()[0];
    assert_eq!((fault.machine, fault.kind, fault.severity), (7, FaultKind::FouledCondenser, 0.5));
    assert_eq!((fault.onset, fault.grown, fault.failure), (start, start + 60_000_000, start + 3_600_000_000));
}

#[test]
fn wrong_orders_say_what_is_wrong() {
    let mut fleet = fleet();
    for machine in ["", "0", "13", "07", "-1", "site/7", "99999999999"] {
        let refused = inject(&mut fleet, &order(machine, "slow_leak"));
        assert_eq!(refused, Err(PlantsError::Machine(machine.into())));
    }
    let refused = inject(&mut fleet, &order("7", "rust")).unwrap_err().to_string();
    assert!(refused.contains("`rust`") && refused.contains("drifting_sensor"), "{refused}");
    let severe = FaultOrder { severity: 2.0, ..order("7", "slow_leak") };
    let refused = inject(&mut fleet, &severe);
    assert!(matches!(refused, Err(PlantsError::Order { field: "severity", .. })), "{refused:?}");
    assert!(fleet.faults().is_empty());
}

#[test]
fn the_menu_begins_with_a_machine_that_runs() {
    let mut fleet = fleet();
    for _ in 0..600 {
        fleet.step().unwrap();
    }
    let menu = menu(&fleet);
    assert_eq!((menu.kinds.len(), menu.machines.len()), (FaultKind::ALL.len(), 12));
    let first: u32 = menu.machines[0].parse().unwrap();
    let readings = fleet.step().unwrap();
    assert_eq!(readings[first as usize - 1].mode, Mode::Cooling);
}

#[tokio::test]
async fn without_a_thread_the_hand_says_that_the_plants_have_stopped() {
    let (thread, hand) = PlantsThread::new(1, String::new(), String::new(), Arc::default());
    drop(thread);
    assert_eq!(hand.menu().await, Err(PlantsError::Stopped));
    assert_eq!(hand.inject(order("1", "slow_leak")).await, Err(PlantsError::Stopped));
}

#[test]
fn what_is_written_of_the_plants_is_known_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("machines.toml");
    let (thread, _hand) = PlantsThread::new(7, String::new(), String::new(), Arc::default());
    thread.write_machines(&path).unwrap();
    let machines = crate::machine::Machines::load(&path).unwrap();
    assert_eq!(machines.len(), 7);
    for id in ["1", "7"] {
        let (machine, known) = machines.machine(id);
        assert!(known && machine.refrigerant.is_some() && machine.application.is_some());
    }
}
