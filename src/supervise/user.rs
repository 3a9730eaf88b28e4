//! Whom a container runs as.

use crate::docker::Engine;
use crate::mounts::accounts::Accounts;
use crate::mounts::identity::{self, Identity};
use crate::mounts::image;
use crate::quadlet::create::HostConfig;
use crate::quadlet::spec::Container;

use super::Failure;

/// Resolves `User=`, or the user of the image; and the image's users, if that took them. `None` if the image is not here.
pub async fn of(engine: &Engine, spec: &Container) -> Result<Option<(Identity, Accounts)>, Failure> {
    let Some(info) = engine.image(&spec.image).await? else { return Ok(None) };
    let of_image = info.config.as_ref().map_or("", |config| config.user.as_str());
    let asked = spec.create.user.as_deref().unwrap_or(of_image);
    let groups = &spec.create.host_config.group_add;
    let accounts = match identity::needs_accounts(asked, groups) {
        true => image::accounts(engine, &spec.image, &info, spec.pull.platform.as_deref()).await?,
        false => Accounts::default(),
    };
    match identity::resolve(asked, groups, &accounts) {
        Ok(identity) => Ok(Some((identity, accounts))),
        Err(error) => Err(Failure(unknown(&error, &spec.image, &accounts))),
    }
}

/// What to do about an image that is not here.
pub fn no_image(spec: &Container) -> Failure {
    Failure(format!("The image {} is not here; run 'docker pull {0}'", spec.image))
}

/// How many names are offered.
const OFFERED: usize = 10;

fn unknown(error: &identity::Error, image: &str, accounts: &Accounts) -> String {
    let (file, key, known): (_, _, Vec<&str>) = match error {
        identity::Error::NoUser(_) => {
            ("/etc/passwd", "User", accounts.users.iter().map(|user| user.name.as_str()).collect())
        }
        identity::Error::NoGroup(_) => {
            ("/etc/group", "Group", accounts.groups.iter().map(|group| group.name.as_str()).collect())
        }
        identity::Error::OutOfRange(_) => return format!("{error}; correct User= or Group="),
    };
    if known.is_empty() {
        return format!(
            "{error} {image}, which has no {file}, so that only numbers mean anything in it; write one, such as \
             {key}=1500"
        );
    }
    let others = if known.len() > OFFERED { " and others" } else { "" };
    let known = known[..known.len().min(OFFERED)].join(", ");
    format!("{error} {image}, which knows {known}{others}; write one of these to {key}=, or a number")
}

/// Whether files are open to the container whoever owns them.
pub fn is_root(identity: &Identity, host: &HostConfig) -> bool {
    let has = |list: &[String], name: &str| {
        list.iter().any(|entry| entry.trim_start_matches("CAP_").eq_ignore_ascii_case(name))
    };
    let is_dropped = has(&host.cap_drop, "ALL") || has(&host.cap_drop, "DAC_OVERRIDE");
    let is_added = has(&host.cap_add, "ALL") || has(&host.cap_add, "DAC_OVERRIDE");
    identity.uid == 0 && (is_added || !is_dropped)
}

/// What there is to say of a container that is root, if some of the host's paths are open to it.
pub fn root_warning(spec: &Container) -> Option<String> {
    let writable = spec.mounts.iter().filter(|mount| !mount.read_only);
    let paths: Vec<String> = writable.map(|mount| mount.source.display().to_string()).collect();
    (!paths.is_empty()).then(|| {
        format!(
            "The container runs as root and can write to {} of this host as root; if it need not, set User= to a user of \
             the image, or add 'ro' to the mount",
            paths.join(", ")
        )
    })
}

/// A name that means one number in the image and another one here.
pub fn names_differ(identity: &Identity, host: &Accounts) -> Option<String> {
    let name = identity.user.as_ref().filter(|_| identity.is_user_named);
    let known = name.and_then(|name| host.user(name)).filter(|known| known.uid != identity.uid);
    if let Some(known) = known {
        return Some(differs("user", &known.name, "User", identity.uid, known.uid));
    }
    let name = identity.group.as_ref().filter(|_| identity.is_group_named);
    let known = name.and_then(|name| host.group(name)).filter(|known| known.gid != identity.gid)?;
    Some(differs("group", &known.name, "Group", identity.gid, known.gid))
}

fn differs(what: &str, name: &str, key: &str, in_image: u32, here: u32) -> String {
    format!(
        "The {what} {name} is {in_image} in the image and {here} on this host, so that the owners of files would be \
         mistaken for each other; write {key}={in_image} if the number is what counts, or use a {what} that is the same on \
         both sides"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        Accounts::parse("root:x:0:0:::\nweb:x:1500:1500:::", "root:x:0:\nweb:x:1500:")
    }

    #[test]
    fn a_name_means_the_same_on_both_sides() {
        let web = |asked| identity::resolve(asked, &[], &accounts()).unwrap();
        let here = Accounts::parse("web:x:1600:1600:::", "web:x:1600:");
        let text = names_differ(&web("web"), &here).unwrap();
        assert!(
            text.contains("web is 1500 in the image and 1600 on this host") && text.contains("User=1500"),
            "{text}"
        );
        assert_eq!(names_differ(&web("1500"), &here), None, "the number is meant");
        assert!(names_differ(&web("1500:web"), &here).unwrap().contains("Group=1500"));
        assert_eq!(names_differ(&web("web:web"), &accounts()), None);
        assert_eq!(names_differ(&web("web"), &Accounts::default()), None, "nobody here has the name");
    }

    #[test]
    fn root_without_its_rights_is_checked() {
        let root = Identity::default();
        let host = |add: &[&str], drop: &[&str]| {
            let of = |names: &[&str]| names.iter().map(ToString::to_string).collect();
            HostConfig { cap_add: of(add), cap_drop: of(drop), ..HostConfig::default() }
        };
        assert!(is_root(&root, &host(&[], &["CAP_NET_RAW"])));
        assert!(!is_root(&root, &host(&[], &["all"])) && !is_root(&root, &host(&[], &["CAP_DAC_OVERRIDE"])));
        assert!(is_root(&root, &host(&["DAC_OVERRIDE"], &["ALL"])));
        assert!(!is_root(&Identity { uid: 1, ..root }, &host(&["ALL"], &[])));
    }

    #[test]
    fn who_is_unknown_comes_with_who_is_known() {
        let none = unknown(&identity::Error::NoUser("web".into()), "bare:1", &Accounts::default());
        assert!(none.contains("bare:1, which has no /etc/passwd") && none.contains("User=1500"), "{none}");
        let text = unknown(&identity::Error::NoGroup("x".into()), "web:1", &accounts());
        assert!(text.contains("knows root, web; write one of these to Group="), "{text}");
    }
}
