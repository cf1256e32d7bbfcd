//! Calling a gRPC method of this process with messages known by their descriptors only.

use axum::Router;
use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Request, Status, Streaming};

use super::routes::Route;

/// The methods of all services.
pub(super) struct Methods {
    router: Router,
}

impl Methods {
    pub(super) fn new(router: Router) -> Self {
        Self { router }
    }

    /// Calls a method with one answer.
    pub(super) async fn ask(&self, route: &Route, message: DynamicMessage) -> Result<DynamicMessage, Status> {
        let mut grpc = self.grpc().await;
        let answer = grpc.unary(Request::new(message), route.grpc.clone(), Dynamic::answers(route)).await?;
        Ok(answer.into_inner())
    }

    /// Calls a method with a stream of answers.
    pub(super) async fn follow(
        &self,
        route: &Route,
        message: DynamicMessage,
    ) -> Result<Streaming<DynamicMessage>, Status> {
        let mut grpc = self.grpc().await;
        let codec = Dynamic::answers(route);
        let answers = grpc.server_streaming(Request::new(message), route.grpc.clone(), codec).await?;
        Ok(answers.into_inner())
    }

    async fn grpc(&self) -> Grpc<Router> {
        // Nothing goes over a wire, so no answer is too large.
        let mut grpc = Grpc::new(self.router.clone()).max_decoding_message_size(usize::MAX);
        let Ok(()) = grpc.ready().await;
        grpc
    }
}

/// Reads and writes messages by their descriptors.
#[derive(Debug, Clone)]
struct Dynamic {
    answer: MessageDescriptor,
}

impl Dynamic {
    fn answers(route: &Route) -> Self {
        Self { answer: route.method.output() }
    }
}

impl Codec for Dynamic {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self::Encoder {
        self.clone()
    }

    fn decoder(&mut self) -> Self::Decoder {
        self.clone()
    }
}

impl Encoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, item: DynamicMessage, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(buffer)
            .map_err(|error| Status::internal(format!("the request cannot be written: {error}")))
    }
}

impl Decoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        let answer = DynamicMessage::decode(self.answer.clone(), buffer);
        answer.map(Some).map_err(|error| Status::internal(format!("the answer cannot be read: {error}")))
    }
}
