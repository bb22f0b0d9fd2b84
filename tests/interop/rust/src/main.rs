//! Upstream's Rust SDK against a server of ours: applications, sessions, a thousand tasks watched at once.

use std::collections::HashMap;

use flame_rs::client::{self, ApplicationAttributes, SessionOptions};
use futures::future::try_join_all;

type Failure = Box<dyn std::error::Error>;

const TASKS: usize = 1000;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let endpoint = std::env::args().nth(1).ok_or("usage: interop ENDPOINT")?;
    let connection = client::connect(&endpoint).await?;

    let attributes = ApplicationAttributes {
        shim: None,
        image: None,
        description: Some("from Rust".into()),
        labels: vec!["rust".into()],
        command: Some("/bin/true".into()),
        arguments: vec!["-x".into()],
        environments: HashMap::from([("A".into(), "1".into())]),
        working_directory: None,
        max_instances: Some(3),
        delay_release: None,
        schema: None,
        url: None,
        installer: None,
    };
    connection.register_application("rust-app".into(), attributes.clone()).await?;
    let again = connection.register_application("rust-app".into(), attributes.clone()).await;
    println!("registered twice: {}", again.is_err());
    let application = connection.get_application("rust-app").await?;
    println!("application: {} {:?}", application.name, application.attributes.max_instances);
    connection.update_application("rust-app".into(), attributes).await?;
    connection.unregister_application("rust-app".into()).await?;
    let names: Vec<String> = connection.list_application().await?.into_iter().map(|each| each.name).collect();
    println!("listed: {}", names.join(" "));

    let session = connection.create_session_with(SessionOptions::new("flmping").priority(2)).await?;
    let input = || Some(b"{\"duration\":null,\"memory\":null}".to_vec().into());
    let tasks = try_join_all((0..TASKS).map(|_| session.create_task(input()))).await?;
    println!("created: {}", tasks.len());
    let results = try_join_all(tasks.iter().map(|task| finished(&session, task.id.clone()))).await?;
    println!("succeeded: {}", results.iter().filter(|each| **each).count());
    println!("tasks: {}", session.list_tasks().await?.len());
    let seen = connection.get_session(&session.id).await?;
    println!("session: {} {}", seen.succeed, seen.priority);
    println!("sessions: {}", connection.list_session().await?.iter().any(|each| each.id == session.id));
    println!("executors: {}", connection.list_executor().await?.len() > 0);
    println!("nodes: {}", connection.list_node().await?.len());
    session.close().await?;
    println!("reopened: {}", connection.open_session(&session.id, None).await.is_err());
    Ok(())
}

struct Seen(tokio::sync::mpsc::UnboundedSender<bool>);

impl client::TaskInformer for Seen {
    fn on_update(&mut self, task: client::Task) {
        if task.is_completed() {
            let _ = self.0.send(task.is_succeed());
        }
    }

    fn on_error(&mut self, error: flame_rs::apis::FlameError) {
        eprintln!("{error:?}");
        let _ = self.0.send(false);
    }
}

async fn finished(session: &client::Session, task: String) -> Result<bool, Failure> {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let informer = std::sync::Arc::new(std::sync::Mutex::new(Seen(sender)));
    session.watch_task(session.id.clone(), task, informer).await?;
    Ok(receiver.recv().await.unwrap_or(false))
}
