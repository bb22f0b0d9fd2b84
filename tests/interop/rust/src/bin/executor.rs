//! What the executor manager of a Flame cluster does with the Unix socket of a service, on tonic as it is there.
//!
//! Reads orders, one a line, and says what came of each: `enter FILE`, `invoke FILE ANSWER`, `leave`.

use std::fs;
use std::io::Error;

use hyper_util::rt::TokioIo;
use prost::Message;
use tokio::io::{stdin, AsyncBufReadExt, BufReader};
use tokio::net::UnixStream;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Request, Status};
use tonic_prost::ProstCodec;
use tower::service_fn;

type Failure = Box<dyn std::error::Error>;

#[derive(Clone, PartialEq, Message)]
struct ApplicationContext {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(int32, tag = "2")]
    shim: i32,
    #[prost(string, optional, tag = "4")]
    command: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct SessionContext {
    #[prost(string, tag = "1")]
    session_id: String,
    #[prost(message, optional, tag = "2")]
    application: Option<ApplicationContext>,
    #[prost(bytes = "vec", optional, tag = "3")]
    common_data: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct TaskContext {
    #[prost(string, tag = "1")]
    task_id: String,
    #[prost(string, tag = "2")]
    session_id: String,
    #[prost(bytes = "vec", optional, tag = "4")]
    input: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct Empty {}

#[derive(Clone, PartialEq, Message)]
struct Outcome {
    #[prost(int32, tag = "1")]
    return_code: i32,
    #[prost(string, optional, tag = "2")]
    message: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct TaskResult {
    #[prost(int32, tag = "1")]
    return_code: i32,
    #[prost(bytes = "vec", optional, tag = "2")]
    output: Option<Vec<u8>>,
    #[prost(string, optional, tag = "3")]
    message: Option<String>,
}

struct Instance(Grpc<Channel>);

impl Instance {
    async fn connect(path: String) -> Result<Self, Failure> {
        let connector = service_fn(move |_: Uri| {
            let path = path.clone();
            async move { Ok::<_, Error>(TokioIo::new(UnixStream::connect(path).await?)) }
        });
        let channel = Endpoint::try_from("http://[::]:50051")?.connect_with_connector(connector).await?;
        Ok(Self(Grpc::new(channel).max_decoding_message_size(usize::MAX)))
    }

    async fn call<Q, A>(&mut self, method: &'static str, message: Q) -> Result<A, Status>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        self.0.ready().await.map_err(|error| Status::unknown(error.to_string()))?;
        let codec: ProstCodec<Q, A> = ProstCodec::default();
        let path = PathAndQuery::from_static(method);
        Ok(self.0.unary(Request::new(message), path, codec).await?.into_inner())
    }
}

fn tell(word: &str, code: i32, message: Option<String>) {
    println!("{word} {code} {}", message.unwrap_or_default());
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let path = std::env::args().nth(1).ok_or("usage: executor SOCKET")?;
    let mut instance = Instance::connect(path).await?;
    let mut orders = BufReader::new(stdin()).lines();
    let mut count = 0;
    while let Some(line) = orders.next_line().await? {
        let words: Vec<&str> = line.split(' ').collect();
        let done = match words[0] {
            "enter" => {
                let application = ApplicationContext { name: "app".into(), shim: 0, command: Some("python3".into()) };
                let context = SessionContext {
                    session_id: "session".into(),
                    application: Some(application),
                    common_data: Some(fs::read(words[1])?),
                };
                let done = instance.call::<_, Outcome>("/flame.v1.Instance/OnSessionEnter", context).await;
                done.map(|it| tell("entered", it.return_code, it.message))
            }
            "invoke" => {
                count += 1;
                let context = TaskContext {
                    task_id: count.to_string(),
                    session_id: "session".into(),
                    input: Some(fs::read(words[1])?),
                };
                match instance.call::<_, TaskResult>("/flame.v1.Instance/OnTaskInvoke", context).await {
                    Ok(it) => {
                        fs::write(words[2], it.output.unwrap_or_default())?;
                        tell("invoked", it.return_code, it.message);
                        Ok(())
                    }
                    Err(status) => Err(status),
                }
            }
            _ => {
                let done = instance.call::<_, Outcome>("/flame.v1.Instance/OnSessionLeave", Empty {}).await;
                done.map(|it| tell("left", it.return_code, it.message))
            }
        };
        if let Err(status) = done {
            tell("refused", status.code() as i32, Some(status.message().to_string()));
        }
    }
    Ok(())
}
