// The system: broker, partitions, messages, tables, what went wrong, models, SQL.

import { status } from "../../store/status.ts";
import { messages } from "../../i18n/index.ts";
import { Empty } from "../../ui/parts.tsx";
import { KafkaPanel } from "./kafka.tsx";
import { MessagesPanel } from "./messages.tsx";
import { ModelsPanel } from "./models.tsx";
import { PartitionsPanel } from "./partitions.tsx";
import { ProcessPanel } from "./process.tsx";
import { RejectedPanel } from "./rejected.tsx";
import { SqlPanel } from "./sql.tsx";
import { TablesPanel } from "./tables.tsx";

export function SystemPage() {
  const known = status.value;
  if (!known) return <Empty>{messages.value.common.loading}</Empty>;
  return (
    <div class="system">
      <ProcessPanel status={known} />
      <KafkaPanel status={known} />
      <PartitionsPanel status={known} />
      <MessagesPanel status={known} />
      <TablesPanel status={known} />
      <RejectedPanel name="dead" table="dead_letters" total={known.deadLettersTotal} />
      <RejectedPanel name="late" table="late_readings" total={known.lateReadingsTotal} />
      <ModelsPanel status={known} />
      <SqlPanel />
    </div>
  );
}
