use std::sync::Arc;

use super::support::{batch, plan, rule, shipped, told};
use crate::alarm::{AlarmPlan, Alarms, RuleFile};
use crate::dataflow::sql::Extensions;
use crate::schema::READINGS;

#[test]
fn a_condition_may_use_functions_that_only_the_optimizer_knows_how_to_run() {
    // No ambient is known: the superheat stands in for it.
    let rules = rule("coalesce(temp_ambient, superheat) > 3", "value = \"nvl(temp_ambient, superheat)\"");
    let rules = rules.replacen("value = \"superheat\"\n", "", 1);
    let mut alarms = Alarms::new(&plan(&rules));
    let rows =
        [("m", 1, Some(2.0), "cooling"), ("m", 2, Some(4.0), "cooling"), ("m", 3, Some(1.0), "cooling")];
    let seen = alarms.look(READINGS, &batch(&rows)).unwrap().rows.unwrap();
    assert_eq!(told(&seen), ["m 2 raised medium 4", "m 3 cleared medium 1"]);
}

#[test]
fn the_shipped_sets_run_on_readings() {
    let streams = shipped();
    for name in ["default", "classic"] {
        let file = RuleFile::load(name).unwrap();
        let plan = Arc::new(AlarmPlan::compile(&file, &streams, &Extensions::default()).unwrap());
        let rows: Vec<_> = (0..2_000).map(|second| ("m", second, Some(1.0), "cooling")).collect();
        let seen = Alarms::new(&plan).look(READINGS, &batch(&rows)).unwrap().rows.unwrap();
        // Superheat alone is known, and it is low.
        assert!(told(&seen)[0].contains("raised"), "{name}: {seen:?}");
        let rules = seen.column_by_name("rule").unwrap();
        assert_eq!(arrow::array::AsArray::as_string::<i32>(rules).value(0), "superheat_low", "{name}");
    }
}
