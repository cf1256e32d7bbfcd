//! The service itself: requests checked, answers put together.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, StreamExt, stream};
use tokio::sync::watch;
use tonic::{Request, Response, Status};

use super::Acknowledgement;
use super::history::{ListFilter, Place, list};
use super::live::{WatchFilter, Watcher};
use crate::alarm::{RulePlan, Severity};
use crate::serve::error::invalid;
use crate::serve::live::Filter;
use crate::serve::proto::{self, alarm_service_server::AlarmService};
use crate::serve::sql::SqlEngine;
use crate::serve::{AlarmParts, request, stopped};

/// Longest name, in characters.
const LONGEST_NAME: usize = 200;
/// Longest comment, in characters.
const LONGEST_COMMENT: usize = 2000;

/// The service over the alarms of this process and the archive.
#[derive(Clone)]
pub struct AlarmApi {
    /// The alarms as they are now, and the rules.
    pub parts: AlarmParts,
    /// The alarms as they were.
    pub sql: Arc<dyn SqlEngine>,
    /// Turns true when the server is to stop.
    pub stopping: watch::Receiver<bool>,
}

type WatchStream = Pin<Box<dyn Stream<Item = Result<proto::WatchAlarmsResponse, Status>> + Send>>;

#[tonic::async_trait]
impl AlarmService for AlarmApi {
    async fn list_alarms(
        &self,
        request: Request<proto::ListAlarmsRequest>,
    ) -> Result<Response<proto::ListAlarmsResponse>, Status> {
        let proto::ListAlarmsRequest { filter, page_size, page_token } = request.into_inner();
        let most = request::page_size(page_size)?;
        let after: Option<Place> = request::position(&page_token)?;
        let filter = list_filter(filter.unwrap_or_default())?;
        let mut found = list(self.sql.as_ref(), &filter, after.as_ref(), most + 1).await?;
        let more = found.len() > most;
        found.truncate(most);
        let next_page_token = match found.last() {
            Some(last) if more => request::token(&Place::of(last))?,
            _ => String::new(),
        };
        let alarms = found.iter().map(Into::into).collect();
        Ok(Response::new(proto::ListAlarmsResponse { alarms, next_page_token }))
    }

    type WatchAlarmsStream = WatchStream;

    async fn watch_alarms(
        &self,
        request: Request<proto::WatchAlarmsRequest>,
    ) -> Result<Response<Self::WatchAlarmsStream>, Status> {
        let proto::WatchAlarmsRequest { filter, min_interval } = request.into_inner();
        let min_interval = request::min_interval(min_interval)?;
        let ListFilter { machines, id_prefix, rules, severities, raised_from, raised_before, .. } =
            list_filter(filter.unwrap_or_default())?;
        let filter = WatchFilter {
            machines: Filter { ids: machines.into_iter().collect(), prefix: id_prefix },
            rules: rules.into_iter().collect(),
            severities: severities.into_iter().collect::<HashSet<_>>(),
            raised_from,
            raised_before,
        };
        let watcher = self.parts.live.watch(filter, min_interval);
        // Pulled by the connection: while a client does not read, nothing is made for it.
        let messages = stream::unfold(watcher, |mut watcher: Watcher| async move {
            let alarms = watcher.next().await.iter().map(Into::into).collect();
            Some((Ok(proto::WatchAlarmsResponse { alarms }), watcher))
        });
        let end = stream::once(async { Err(Status::unavailable("the server is stopping")) });
        let until = messages.take_until(stopped(self.stopping.clone()));
        Ok(Response::new(Box::pin(until.chain(end))))
    }

    async fn acknowledge_alarm(
        &self,
        request: Request<proto::AcknowledgeAlarmRequest>,
    ) -> Result<Response<proto::Alarm>, Status> {
        let proto::AcknowledgeAlarmRequest { episode, who, comment } = request.into_inner();
        if episode.is_empty() {
            return Err(invalid("episode", "`episode` names the alarm, as ListAlarms gives it"));
        }
        let who = who.trim().to_owned();
        if who.is_empty() || who.chars().count() > LONGEST_NAME {
            return Err(invalid("who", format!("`who` needs a name of 1 to {LONGEST_NAME} characters")));
        }
        if comment.chars().count() > LONGEST_COMMENT {
            return Err(invalid("comment", format!("`comment` is longer than {LONGEST_COMMENT} characters")));
        }
        let acknowledged = self.parts.desk.acknowledge(Acknowledgement { episode, who, comment }).await?;
        Ok(Response::new((&acknowledged).into()))
    }

    async fn list_alarm_rules(
        &self,
        _: Request<proto::ListAlarmRulesRequest>,
    ) -> Result<Response<proto::ListAlarmRulesResponse>, Status> {
        let rules = self.parts.rules.rules().iter().map(rule).collect();
        Ok(Response::new(proto::ListAlarmRulesResponse { rules }))
    }
}

fn list_filter(filter: proto::AlarmFilter) -> Result<ListFilter, Status> {
    let mut severities = Vec::new();
    for asked in filter.severities {
        severities.push(match proto::Severity::try_from(asked) {
            Ok(proto::Severity::Low) => Severity::Low,
            Ok(proto::Severity::Medium) => Severity::Medium,
            Ok(proto::Severity::High) => Severity::High,
            Ok(proto::Severity::Critical) => Severity::Critical,
            Ok(proto::Severity::Unspecified) | Err(_) => {
                return Err(invalid("severities", format!("`severities`: {asked} is no severity")));
            }
        });
    }
    let machines = filter.machines.unwrap_or_default();
    let time = |time: Option<prost_types::Timestamp>, field| {
        time.map(|time| request::micros(field, &time)).transpose()
    };
    Ok(ListFilter {
        machines: machines.machine_ids,
        id_prefix: machines.id_prefix,
        rules: filter.rules,
        severities,
        open: filter.open,
        acknowledged: filter.acknowledged,
        raised_from: time(filter.raised_from, "raised_from")?,
        raised_before: time(filter.raised_before, "raised_before")?,
    })
}

fn rule(plan: &RulePlan) -> proto::AlarmRule {
    let rule = &plan.rule;
    let span = |micros: i64| prost_types::Duration {
        seconds: micros / 1_000_000,
        nanos: (micros % 1_000_000) as i32 * 1_000,
    };
    let first =
        proto::AlarmLevel { severity: proto::Severity::from(rule.severity).into(), condition: String::new() };
    let worse = rule.escalate.iter().map(|escalation| proto::AlarmLevel {
        severity: proto::Severity::from(*escalation.severity.get_ref()).into(),
        condition: escalation.when.as_ref().unwrap_or(&rule.when).get_ref().clone(),
    });
    let limits = plan.limits.iter().map(|limit| proto::Limit {
        column: limit.column.clone(),
        min: limit.min,
        max: limit.max,
        severity: proto::Severity::from(limit.severity).into(),
    });
    proto::AlarmRule {
        name: plan.name().into(),
        stream: rule.stream.get_ref().clone(),
        condition: rule.when.get_ref().clone(),
        clear_condition: rule.clear_condition(),
        on_delay: Some(span(rule.on_delay.micros())),
        off_delay: Some(span(rule.off_delay.micros())),
        levels: std::iter::once(first).chain(worse).collect(),
        text_en: rule.en.get_ref().clone(),
        text_fr: rule.fr.get_ref().clone(),
        limits: limits.collect(),
        inhibit_condition: rule.inhibit.as_ref().map(|sql| sql.get_ref().clone()).unwrap_or_default(),
    }
}
