//! The Quadlet files that this host takes, translated among each other.
//!
//! A file that cannot be translated makes those that name it invalid in turn, so that this goes on until nothing
//! changes. What was translated before is kept for as long as neither the file nor an answer about others changes.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::circles;
use super::resolve::Ruling;
use crate::host::{Host, Platform};
use crate::quadlet::{self, Asked, Context, Merged, Other, Others, Resource, Translation, names, resource};
use crate::unit::{Finding, Unit, UnitName, UnitType};

/// Translations of a pass, by the names of the files.
#[derive(Debug, Default)]
pub struct Quadlets {
    /// What they were translated for.
    target: Option<(Host, Platform)>,
    known: BTreeMap<UnitName, Arc<Translated>>,
    /// The files that this host does not take, with what is wrong with them on any host.
    elsewhere: BTreeMap<UnitName, (Arc<Unit>, Vec<Finding>)>,
}

/// A taken file, and what became of it.
#[derive(Debug)]
pub struct Translated {
    pub unit: Arc<Unit>,
    asked: Asked,
    result: Option<Arc<Translation>>,
    /// What is wrong or odd in it on this host.
    pub findings: Vec<Finding>,
    /// Whether something that is not in its answers makes it invalid: next time it may not be there.
    is_refused: bool,
}

impl Translated {
    /// What it became, if it is valid.
    pub fn translation(&self) -> Option<&Arc<Translation>> {
        self.result.as_ref()
    }
}

impl Quadlets {
    /// Translates the files that `rulings` take, and rules out those that cannot be.
    pub fn translate(
        before: &Self,
        units: &[Arc<Unit>],
        rulings: &mut [Option<Ruling>],
        host: &Host,
        platform: &Platform,
        installed: &BTreeMap<UnitName, PathBuf>,
    ) -> Self {
        let quadlets = (0..units.len()).filter(|index| units[*index].service.is_some());
        let (indexes, others): (Vec<usize>, Vec<usize>) =
            quadlets.partition(|index| matches!(rulings[*index], Some(Ruling::Taken { .. })));
        let elsewhere: BTreeMap<_, _> = others.iter().map(|index| before.not_taken(&units[*index])).collect();
        for index in others {
            refuse(&mut rulings[index], elsewhere.get(&units[index].name).map_or(&[], |(_, errors)| errors));
        }
        let is_same_target = before.target.as_ref().is_some_and(|(h, p)| h == host && p == platform);
        let nothing = BTreeMap::new();
        let known = if is_same_target { &before.known } else { &nothing };
        let places = units.iter().enumerate().rev().map(|(index, unit)| (&unit.name, index)).collect();
        let (taken, broken) = (BTreeMap::new(), BTreeMap::new());
        let work = Work { units, places, rulings, host, platform, known, taken, broken };
        let known = work.run(indexes.iter().map(|index| units[*index].clone()), installed);
        for index in indexes {
            refuse(&mut rulings[index], known.get(&units[index].name).map_or(&[], |translated| &translated.findings));
        }
        Self { target: Some((host.clone(), platform.clone())), known, elsewhere }
    }

    /// What is wrong with a file, if this host does not take it.
    fn not_taken(&self, unit: &Arc<Unit>) -> (UnitName, (Arc<Unit>, Vec<Finding>)) {
        let known = self.elsewhere.get(&unit.name).filter(|(known, _)| known.is_same(unit));
        let errors = known.map_or_else(|| quadlet::errors(unit), |(_, errors)| errors.clone());
        (unit.name.clone(), (unit.clone(), errors))
    }

    /// A file's translation.
    pub fn get(&self, name: &UnitName) -> Option<&Arc<Translated>> {
        self.known.get(name)
    }

    /// Everything that could be translated, instances that only others name among them.
    pub fn valid(&self) -> impl Iterator<Item = (&Translated, &Arc<Translation>)> {
        self.known.values().filter_map(|translated| Some((&**translated, translated.translation()?)))
    }
}

/// Makes a file invalid if there are errors among its findings.
fn refuse(ruling: &mut Option<Ruling>, findings: &[Finding]) {
    let errors = findings.iter().filter(|finding| finding.is_error()).cloned();
    match ruling {
        Some(Ruling::Invalid { errors: known }) => known.extend(errors),
        _ if findings.iter().any(Finding::is_error) => *ruling = Some(Ruling::Invalid { errors: errors.collect() }),
        _ => {}
    }
}

/// One pass over the taken files.
struct Work<'a> {
    units: &'a [Arc<Unit>],
    /// Where the first unit of a name is among them.
    places: HashMap<&'a UnitName, usize>,
    rulings: &'a [Option<Ruling>],
    host: &'a Host,
    platform: &'a Platform,
    known: &'a BTreeMap<UnitName, Arc<Translated>>,
    taken: BTreeMap<UnitName, Taken>,
    /// Files that cannot be used, with the errors that are not in their translations.
    broken: BTreeMap<UnitName, Vec<Finding>>,
}

/// A file of this host.
struct Taken {
    unit: Arc<Unit>,
    /// What it makes, once somebody has asked; `None` if that cannot be said.
    resource: OnceCell<Option<Resource>>,
}

impl Taken {
    fn new(unit: Arc<Unit>) -> Self {
        Self { unit, resource: OnceCell::new() }
    }
}

impl Work<'_> {
    fn run(
        mut self,
        units: impl Iterator<Item = Arc<Unit>>,
        installed: &BTreeMap<UnitName, PathBuf>,
    ) -> BTreeMap<UnitName, Arc<Translated>> {
        self.taken = units.map(|unit| (unit.name.clone(), Taken::new(unit))).collect();
        let mut open: BTreeSet<UnitName> = self.taken.keys().cloned().collect();
        let mut done: BTreeMap<UnitName, Arc<Translated>> = BTreeMap::new();
        loop {
            while let Some(name) = open.pop_first() {
                let translated = self.translate(&name);
                for instance in self.instances(&translated) {
                    open.insert(instance.name.clone());
                    self.taken.insert(instance.name.clone(), Taken::new(instance));
                }
                let was_usable = !self.broken.contains_key(&name);
                if translated.result.is_none() && was_usable {
                    self.broken.insert(name.clone(), Vec::new());
                    open.extend(asking(&done, &name));
                }
                done.insert(name, translated);
            }
            let refused = self.refused(&done, installed);
            if refused.is_empty() {
                return done;
            }
            for (name, findings) in refused {
                open.extend(asking(&done, &name));
                open.insert(name.clone());
                self.broken.insert(name, findings);
            }
        }
    }

    fn resource(&self, unit: &Unit) -> Option<Resource> {
        let others = Others::asking(|name| self.find(name));
        let context = Context { host: self.host, platform: self.platform, others: &others };
        resource::of(&unit.name, unit.service.as_ref()?, Merged::of(unit), &context)
    }

    fn translate(&self, name: &UnitName) -> Arc<Translated> {
        let Some(Taken { unit, .. }) = self.taken.get(name) else { unreachable!("only taken files are open") };
        let others = Others::asking(|name| self.find(name));
        let known = self.known.get(name).filter(|known| known.unit.is_same(unit) && !known.is_refused);
        let more = self.broken.get(name).filter(|findings| !findings.is_empty());
        if let Some(known) = known.filter(|_| more.is_none())
            && known.asked.iter().all(|(name, answer)| others.find(name) == *answer)
        {
            return known.clone();
        }
        let context = Context { host: self.host, platform: self.platform, others: &others };
        let (translation, mut findings) = match &unit.service {
            Some(service) => quadlet::translate(unit, service, &context),
            None => (None, Vec::new()),
        };
        let asked = others.into_asked();
        if let Some(more) = more {
            // What follows from that says nothing new.
            findings.retain(|finding| !finding.is_error());
            findings.extend(more.iter().cloned());
        }
        let result = translation.filter(|_| more.is_none()).map(Arc::new);
        Arc::new(Translated { unit: unit.clone(), asked, result, findings, is_refused: more.is_some() })
    }

    /// What a file is to others.
    fn find(&self, file_name: &str) -> Option<Other> {
        let name = UnitName::parse(file_name).ok()?;
        if self.broken.contains_key(&name) {
            return Some(Other::Unusable("it is invalid itself".to_owned()));
        }
        if let Some(Taken { unit, resource }) = self.taken.get(&name) {
            let unusable = || Other::Unusable("it is invalid itself".to_owned());
            // A volume may ask for an image, and nothing asks for more
            let resource = resource.get_or_init(|| self.resource(unit)).clone();
            return Some(resource.map_or_else(unusable, Other::Taken));
        }
        if let Some(index) = self.places.get(&name) {
            return Some(Other::Unusable(match &self.rulings[*index] {
                Some(Ruling::NotTaken { reason, .. }) => format!("this host does not take it ({reason})"),
                _ => "it is invalid itself".to_owned(),
            }));
        }
        let template = name.template()?;
        match self.find(template.as_str())? {
            Other::Taken(_) => {
                let instance = self.instance(&name, &template)?;
                let unusable = || Other::Unusable(format!("{template} makes nothing valid of it"));
                Some(self.resource(&instance).map_or_else(unusable, Other::Taken))
            }
            unusable => Some(unusable),
        }
    }

    /// An instance that has no file of its own.
    fn instance(&self, name: &UnitName, template: &UnitName) -> Option<Arc<Unit>> {
        let Taken { unit: template, .. } = self.taken.get(template)?;
        let unit = Unit::read(name.clone(), template.file.clone(), template.drop_ins.clone());
        let drop_ins = template.service_drop_ins.clone();
        Some(Arc::new(quadlet::complete(unit, |_| drop_ins.clone())))
    }

    /// Instances that a translation names, and that are not there yet.
    fn instances(&self, translated: &Translated) -> Vec<Arc<Unit>> {
        let named = translated.asked.iter().filter(|(_, answer)| answer.is_ok());
        let names = named.filter_map(|(name, _)| UnitName::parse(name).ok());
        let missing = names.filter(|name| !self.taken.contains_key(name));
        missing.filter_map(|name| self.instance(&name, &name.template()?)).collect()
    }

    /// What is valid by itself and not together: two things of one name, and circles.
    fn refused(
        &self,
        done: &BTreeMap<UnitName, Arc<Translated>>,
        installed: &BTreeMap<UnitName, PathBuf>,
    ) -> BTreeMap<UnitName, Vec<Finding>> {
        let valid = || done.values().filter_map(|t| Some((t, t.translation()?)));
        let mut refused = BTreeMap::new();
        let mut by_name: HashMap<(UnitType, &str), Vec<&Arc<Unit>>> = HashMap::new();
        for (translated, translation) in valid() {
            if let Some(resource) = &translation.resource {
                let key = (translated.unit.name.unit_type(), resource.as_str());
                by_name.entry(key).or_default().push(&translated.unit);
            }
        }
        for ((unit_type, resource), units) in by_name.into_iter().filter(|(_, units)| units.len() > 1) {
            refused.extend(doubled(unit_type, resource, &units, installed));
        }
        let slices: HashSet<&str> = self
            .units
            .iter()
            .filter(|unit| unit.name.unit_type() == UnitType::Slice)
            .map(|unit| unit.name.as_str())
            .collect();
        for (translated, translation) in valid() {
            if let Some((slice, _)) = translation.slice.as_ref().filter(|(slice, _)| slices.contains(&**slice)) {
                let message = format!("its limits go into {slice}, which is a file of its own; rename that one");
                refused.entry(translated.unit.name.clone()).or_insert(vec![translated.unit.finding(&message)]);
            }
        }
        let order = valid().map(|(_, translation)| (translation.service.as_str(), &translation.order)).collect();
        let in_circles = circles::find(&order);
        if !in_circles.is_empty() {
            for (translated, translation) in valid() {
                if let Some(circle) = in_circles.get(translation.service.as_str()) {
                    let message = format!(
                        "it waits for itself: {}; take one of these dependencies out",
                        circle.join(", which waits for ")
                    );
                    refused.entry(translated.unit.name.clone()).or_default().push(translated.unit.finding(&message));
                }
            }
        }
        refused
    }
}

/// Those whose translations asked for `name`.
fn asking(done: &BTreeMap<UnitName, Arc<Translated>>, name: &UnitName) -> Vec<UnitName> {
    let is_asking = |(_, translated): &(&UnitName, &Arc<Translated>)| translated.asked.contains_key(name.as_str());
    done.iter().filter(is_asking).map(|(name, _)| name.clone()).collect()
}

fn doubled(
    unit_type: UnitType,
    resource: &str,
    units: &[&Arc<Unit>],
    installed: &BTreeMap<UnitName, PathBuf>,
) -> BTreeMap<UnitName, Vec<Finding>> {
    let is_keeper = |unit: &&&Arc<Unit>| installed.get(unit.runs_as()) == Some(&unit.file.path);
    let keepers: Vec<&UnitName> = units.iter().filter(is_keeper).map(|unit| &unit.name).collect();
    let key = names::name_key(unit_type);
    let mut refused = BTreeMap::new();
    for unit in units.iter().filter(|unit| keepers.first() != Some(&&unit.name)) {
        let others = units.iter().filter(|other| other.name != unit.name);
        let others: Vec<String> = others.map(|other| other.file.path.display().to_string()).collect();
        let others = others.join(" and ");
        let message = match keepers.first() {
            Some(_) => format!("the {unit_type} '{resource}' is already {others}'s; give this one another {key}="),
            None => format!(
                "the {unit_type} '{resource}' is also {others}'s, and none of them is installed yet, so none is taken; \
                 give one of them another {key}="
            ),
        };
        refused.insert(unit.name.clone(), vec![unit.finding(&message)]);
    }
    refused
}
