// The rules, for who asks why there is an alarm, or none.

import * as format from "../../format.ts";
import { messages, ruleName } from "../../i18n/index.ts";
import { lasting } from "../../lib/time.ts";
import { rules } from "../../store/alarms.ts";
import { Panel, SeverityBadge } from "../../ui/parts.tsx";

export function RulesPanel() {
  const m = messages.value.alarms;
  const all = rules.value;
  if (!all?.length) return null;
  return (
    <Panel name="rules" title={m.rules} aside={<span class="soft">{all.length}</span>}>
      <div class="table-scroll">
        <table class="table compact rules stack">
          <thead>
            <tr>
              <th scope="col">{m.rule}</th>
              <th scope="col">{m.severity}</th>
              <th scope="col">{m.condition}</th>
              <th scope="col">{m.delay}</th>
              <th scope="col">{m.clearWhen}</th>
              <th scope="col">{m.restsWhen}</th>
            </tr>
          </thead>
          <tbody>
            {all.map((rule) => (
              <tr key={rule.name}>
                <th scope="row">{ruleName(rule.name)}</th>
                <td>
                  <span class="levels">
                    {rule.levels.map((level) => (
                      <SeverityBadge key={level.severity} severity={level.severity} />
                    ))}
                  </span>
                </td>
                <td data-label={m.condition}>
                  <code>{rule.condition}</code> <span class="soft">{rule.stream}</span>
                </td>
                <td class="nowrap" data-label={m.delay}>{format.span(lasting(rule.onDelay))}</td>
                <td data-label={m.clearWhen}>{rule.clearCondition && <code>{rule.clearCondition}</code>}</td>
                <td data-label={m.restsWhen}>{rule.inhibitCondition && <code>{rule.inhibitCondition}</code>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}
