use std::collections::BTreeSet;

use super::*;

/// Watches everything, and keeps which nodes it does.
#[derive(Default)]
struct All(BTreeSet<Node>);

impl Surroundings for All {
    fn watch(&mut self, node: Node, _: &Path) -> Option<Watched> {
        assert!(self.0.insert(node), "{node} is watched once");
        Some(1)
    }

    fn unwatch(&mut self, node: Node, _: Watched) {
        assert!(self.0.remove(&node), "{node} was watched");
    }

    fn ignores(&self, name: &OsStr) -> bool {
        name == ".git"
    }
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("sculler-tree-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn what_comes_changes_and_goes() {
    let top = folder("changes");
    let mut all = All::default();
    fs::create_dir_all(top.join("a/b")).unwrap();
    fs::create_dir_all(top.join(".git")).unwrap();
    fs::write(top.join("a/b/f"), "1").unwrap();
    let mut tree = Tree::read(&top, &mut all).unwrap();
    assert_eq!(all.0.len(), 3);
    let first = tree.digest();
    // The same content in another file.
    fs::remove_file(top.join("a/b/f")).unwrap();
    fs::write(top.join("a/b/f"), "1").unwrap();
    tree.touch_all();
    assert_eq!((tree.refresh(&mut all), tree.digest()), (vec![], first));
    fs::write(top.join("a/b/f"), "2").unwrap();
    tree.touch_all();
    assert_eq!(tree.refresh(&mut all), [top.join("a/b/f")]);
    assert_ne!(tree.digest(), first);
    fs::write(top.join("a/b/f"), "1").unwrap();
    // A folder that comes is watched with all that is in it already.
    fs::create_dir_all(top.join("c/d/e")).unwrap();
    tree.appear(TOP, OsStr::new("c"), &mut all);
    assert_eq!(all.0.len(), 6);
    tree.touch_all();
    tree.refresh(&mut all);
    assert_eq!(tree.digest(), first, "folders alone are no content");
    fs::rename(top.join("c"), top.join("g")).unwrap();
    fs::remove_dir_all(top.join("a")).unwrap();
    tree.touch_all();
    assert_eq!(tree.refresh(&mut all), std::slice::from_ref(&top));
    assert_eq!(all.0.len(), 4);
    tree.close(&mut all);
    assert!(all.0.is_empty());
    fs::remove_dir_all(top).unwrap();
}
