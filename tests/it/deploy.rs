//! The containers' files, without containers: their commands run as processes here, on a real broker and a real store,
//! with the addresses of this machine in place of those of the services.

use std::process::Command;
use std::time::Duration;

use coldstream::config::Config;

use crate::parts::kafka::Kafka;
use crate::parts::process::{self, Process};
use crate::parts::{S3, port, wait};
use crate::worker::{project, succeeded};

/// The words of a flow sequence, `key: ["a", "b"]`, under a service of the compose file or after a word of the Dockerfile.
fn words(text: &str, before: &str) -> Vec<String> {
    let line = text.lines().map(str::trim).find(|line| line.starts_with(before) && line.contains('['));
    let line = line.unwrap_or_else(|| panic!("no line with `{before}`:\n{text}"));
    serde_json::from_str(&line[line.find('[').unwrap()..]).unwrap_or_else(|e| panic!("{line}: {e}"))
}

/// The part of the compose file that belongs to a service.
fn service<'a>(compose: &'a str, name: &str) -> &'a str {
    let start = compose.find(&format!("\n  {name}:\n")).unwrap_or_else(|| panic!("no service {name}"));
    let rest = &compose[start + 1..];
    // The next line that is indented as little, or less, begins something else.
    let end = rest.match_indices('\n').map(|(at, _)| at).find(|at| {
        let line = &rest[at + 1..];
        line.starts_with("  ") && !line.starts_with("   ")
            || line.starts_with(|c: char| c.is_ascii_lowercase())
    });
    &rest[..end.unwrap_or(rest.len())]
}

#[test]
fn the_commands_of_the_containers_make_a_whole_that_is_ready_and_well() {
    let deploy = project().join("deploy");
    let compose = std::fs::read_to_string(deploy.join("compose.yaml")).unwrap();
    let dockerfile = std::fs::read_to_string(deploy.join("Dockerfile")).unwrap();
    let (kafka, s3) = (Kafka::shared(), S3::shared());
    let port = port::free();

    // The configuration as shipped, but for the addresses; a folder beside it as in the image.
    let image = process::folder();
    let config_path = image.path().join("deploy/coldstream.toml");
    std::fs::create_dir(image.path().join("deploy")).unwrap();
    for folder in ["queries", "models"] {
        assert!(dockerfile.contains(&format!("COPY {folder} /opt/coldstream/{folder}\n")), "{dockerfile}");
        std::os::unix::fs::symlink(project().join(folder), image.path().join(folder)).unwrap();
    }
    let shipped = Config::load(&deploy.join("coldstream.toml")).unwrap();
    assert_eq!((shipped.kafka.brokers.as_str(), shipped.kafka.topic.as_str()), ("kafka:9092", "readings"));
    let topic = format!("readings-{}", uuid::Uuid::new_v4().simple());
    let config = std::fs::read_to_string(deploy.join("coldstream.toml")).unwrap();
    let config = config
        .replace("kafka:9092", kafka.bootstrap())
        .replace("0.0.0.0:5001", &format!("127.0.0.1:{port}"))
        .replace("topic = \"readings\"", &format!("topic = \"{topic}\""))
        .replace("coldstream/archive", &format!("coldstream/{topic}"));
    std::fs::write(&config_path, config).unwrap();
    let config_path = config_path.display().to_string();

    let command = |service_name: &str| {
        let words = words(service(&compose, service_name), "command:");
        let mut command = process::coldstream();
        command.args(words.iter().map(|word| {
            word.replace("/opt/coldstream/deploy/coldstream.toml", &config_path)
                .replace("kafka://kafka:9092/readings", &format!("kafka://{}/{topic}", kafka.bootstrap()))
        }));
        // The store's address and keys under the very names that the compose file gives them.
        if service_name == "coldstream" {
            for (key, value) in s3.env() {
                assert!(service(&compose, "coldstream").contains(&format!("\n      {key}: ")), "{key}");
                command.env(key, value);
            }
        }
        command
    };
    let mut simulator = Process::spawn(&command("simulator"));
    let mut coldstream = Process::spawn(&command("coldstream"));
    coldstream.wait_for_line("serves on http://", Duration::from_secs(60));

    // The image's own health check, word for word but for the port.
    let check = words(&dockerfile, "CMD [\"bash\"");
    let healthy = |port: u16| {
        let script = check[2].replace("/5001", &format!("/{port}"));
        Command::new(&check[0]).args([&check[1], &script]).status().unwrap().success()
    };
    wait::until("a healthy container", Duration::from_secs(60), || {
        if healthy(port) { Ok(()) } else { Err(coldstream.tail()) }
    });
    assert!(!healthy(port::free()), "nothing there must not be healthy");

    let server = format!("http://127.0.0.1:{port}");
    let sql = "SELECT count(DISTINCT machine_id) AS machines FROM readings";
    wait::until("readings of the simulator", Duration::from_secs(60), || {
        let args = ["query", sql, "--server", &server, "--format", "csv"];
        let text = succeeded(&args, &process::coldstream().args(args).output().unwrap());
        if text == "machines\n20\n" { Ok(()) } else { Err(format!("{text}{}", simulator.tail())) }
    });
    let args = ["doctor", "--config", &config_path];
    succeeded(&args, &process::coldstream().args(args).envs(s3.env()).output().unwrap());

    assert!(coldstream.terminate().success(), "{}", coldstream.tail());
    // `stop_signal` of the compose file.
    assert!(service(&compose, "simulator").contains("stop_signal: SIGINT"));
    Command::new("sh").args(["-c", "kill -INT $0", &simulator.id().to_string()]).status().unwrap();
    assert!(simulator.wait(Duration::from_secs(30)).success(), "{}", simulator.tail());
}
