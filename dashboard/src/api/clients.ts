// The services, each as a client generated from proto/, over gRPC-Web on the port that served this page.

import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";

import { AlarmService } from "../gen/coldstream/v1/alarm_pb.ts";
import { DemoService } from "../gen/coldstream/v1/demo_pb.ts";
import { HistoryService } from "../gen/coldstream/v1/history_pb.ts";
import { PredictionService } from "../gen/coldstream/v1/prediction_pb.ts";
import { StatusService } from "../gen/coldstream/v1/status_pb.ts";

const transport = createGrpcWebTransport({ baseUrl: location.origin });

export const api = {
  status: createClient(StatusService, transport),
  alarms: createClient(AlarmService, transport),
  predictions: createClient(PredictionService, transport),
  history: createClient(HistoryService, transport),
  demo: createClient(DemoService, transport),
};
