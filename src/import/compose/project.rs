//! The project as a whole: its services, and what they share.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::log::{Log, key_place, place};
use super::service::Service;
use super::sheet::Sheet;
use super::{Options, Reader, Variables, depends, names, top};
use crate::convert::{Fate, Place};
use crate::import::{File, errors};
use crate::unit::nearest::{nearest, suggestion};
use crate::yaml::{Entry, Node};

/// Keys of the top level; `version` says nothing to anybody any more.
const KEYS: [&str; 9] =
    ["version", "name", "include", "services", "networks", "volumes", "configs", "secrets", "models"];

/// More containers of one service than people wait for.
pub const MAX_REPLICAS: u64 = 50;

/// What services ask of each other.
pub struct Project<'a> {
    /// Its name.
    pub name: String,
    /// Where values come from.
    pub variables: &'a Variables,
    /// The services that are meant.
    pub services: Vec<Entry>,
    /// Those that are left out, and why.
    pub left_out: BTreeMap<String, String>,
    /// The definitions of the top level, by section.
    pub root: Node,
    /// What has to be read.
    pub read: Reader<'a>,
    options: &'a Options,
    /// Services for whose health others wait.
    pub waited_for: BTreeSet<String>,
    /// Services for whose end others wait.
    pub ended_for: BTreeSet<String>,
    /// Further names of services, from `links`.
    pub aliases: BTreeMap<String, BTreeSet<String>>,
}

impl<'a> Project<'a> {
    /// Looks at the top level.
    pub fn new(
        root: &Node,
        folder: &Path,
        variables: &'a Variables,
        options: &'a Options,
        read: Reader<'a>,
        log: &mut Log,
    ) -> Option<Self> {
        for entry in root.map().unwrap_or_default() {
            let key = entry.key.as_str();
            match key {
                "version" => log.say(key_place(entry), Fate::Dropped, "version: Compose itself reads it no more"),
                "include" => log.say(
                    key_place(entry),
                    Fate::NotMapped,
                    "include: import each of these files on its own, with the same --project-name",
                ),
                "models" => {
                    log.say(
                        key_place(entry),
                        Fate::NotMapped,
                        "models: there is no model runner; run one as a service",
                    );
                }
                key if KEYS.contains(&key) || key.starts_with("x-") => {}
                key => {
                    log.error(
                        key_place(entry),
                        format!("Compose knows no key '{key}' here{}", suggestion(nearest(key, KEYS))),
                    );
                }
            }
        }
        let given = options.project.clone().or_else(|| variables.get("COMPOSE_PROJECT_NAME").cloned());
        let written = root.get("name").and_then(Node::text).map(str::to_owned);
        let of_folder = || folder.file_name().map_or_else(String::new, |name| names::project(&name.to_string_lossy()));
        let name = given.or(written).unwrap_or_else(of_folder);
        if !names::is_project(&name) {
            let message = format!(
                "'{name}' is no name of a project; give one of small letters, digits, '-' and '_' by --project-name"
            );
            log.error(place(root), message);
            return None;
        }
        let Some(services) = root.get("services").filter(|services| services.map().is_some_and(|map| !map.is_empty()))
        else {
            log.error(place(root), "it has no services, so there is nothing to run");
            return None;
        };
        let mut project = Self {
            name,
            variables,
            services: Vec::new(),
            left_out: BTreeMap::new(),
            root: root.clone(),
            read,
            options,
            waited_for: BTreeSet::new(),
            ended_for: BTreeSet::new(),
            aliases: BTreeMap::new(),
        };
        for entry in services.map().unwrap_or_default() {
            project.choose(entry, log);
        }
        depends::look(&mut project, log);
        Some(project)
    }

    /// Whether a service is meant: by its profiles and its number of containers.
    fn choose(&mut self, entry: &Entry, log: &mut Log) {
        if entry.value.map().is_none() {
            log.error(key_place(entry), format!("the service '{}' says nothing; give it an image", entry.key));
            return;
        }
        let profiles: Vec<&str> =
            entry.value.get("profiles").and_then(Node::list).into_iter().flatten().filter_map(Node::text).collect();
        let is_asked = |profile: &&str| self.options.profiles.iter().any(|asked| asked == profile || asked == "*");
        if profiles.is_empty() || profiles.iter().any(is_asked) {
            self.services.push(entry.clone());
            return;
        }
        let reason = format!("of profile {}: --profile {} imports it", profiles.join(", "), profiles[0]);
        log.say(key_place(entry), Fate::Dropped, format!("{}: it is {reason}", entry.key));
        self.left_out.insert(entry.key.clone(), reason);
    }

    /// A definition of the top level.
    pub fn definition(&self, section: &str, name: &str) -> Option<&Entry> {
        self.root.get(section)?.map()?.iter().find(|entry| entry.key == name)
    }

    /// A service that is meant.
    pub fn service(&self, name: &str) -> Option<&Entry> {
        self.services.iter().find(|entry| entry.key == name)
    }

    /// The file of a service's container.
    pub fn container_file(&self, service: &str) -> String {
        format!("{}.container", names::stem(&self.name, service))
    }

    /// Translates all of it: the files, and what is different here.
    pub fn translate(&self, root: &Node, log: &mut Log) -> (Vec<File>, Vec<String>) {
        let mut used = top::Used::default();
        let mut containers: Vec<(Sheet, Place)> = Vec::new();
        let mut before: Vec<(Sheet, Place)> = Vec::new();
        for entry in &self.services {
            let mut service = Service::new(self, entry, log);
            service.translate(&mut used, log);
            let (more, own) = service.finish(log);
            before.extend(more.into_iter().map(|sheet| (sheet, key_place(entry))));
            containers.extend(own.into_iter().map(|sheet| (sheet, key_place(entry))));
        }
        let shared = top::sheets(self, root, &used, log).into_iter().map(|sheet| (sheet, place(root)));
        let mut files = Vec::new();
        for (sheet, at) in shared.chain(before).chain(containers) {
            // It would be another line, of any key.
            for (key, _) in sheet.lines().filter(|(_, value)| value.contains(char::is_control) || value.ends_with('\\'))
            {
                log.error(
                    at,
                    format!("{key}= of {} would have a line break, or a backslash at its end; take it out", sheet.name),
                );
            }
            let text = sheet.text(&self.options.placement);
            for finding in errors(&sheet.name, &text) {
                let message = format!(
                    "line {} of {} has to be changed before it runs: {}",
                    finding.diagnostic.line, sheet.name, finding.diagnostic.message
                );
                log.say(at, Fate::NotMapped, message);
            }
            files.push(File { name: sheet.name, text: text.into_bytes() });
        }
        (files, self.differences())
    }

    fn differences(&self) -> Vec<String> {
        let project = &self.name;
        vec![
            format!(
                "Each service is a unit of systemd: {project}-NAME.service, with 'systemctl status' and 'journalctl -u', started \
                 at boot and followed by its file. docker compose does not know it."
            ),
            format!(
                "The containers have the names, networks and volumes that they had. Stop the old ones first: 'docker compose -p \
                 {project} down' (it keeps the volumes)."
            ),
            "A stopped container is removed, so what it wrote outside of its volumes is gone with it; 'docker compose stop' kept it."
                .to_owned(),
            "A bind source that does not exist is an error; Compose made a folder of root's. The option 'create' of Volume= \
             makes it with the right owner."
                .to_owned(),
            "The labels com.docker.compose.* are not set; programs that look for them (Traefik's default rule, Watchtower) need \
             labels of their own."
                .to_owned(),
        ]
    }
}
