//! The devices that come with the program, embedded in it.
//!
//! Promises that every name in [`names`] loads, and that an unknown name is answered with the known ones. Leaves
//! the files' form to [`super::device_file`].

use std::path::Path;

use super::device::DeviceSpec;
use super::file_error::FileError;
use crate::config_file::shown::near;

/// Name and text of every shipped device, ascending by name.
macro_rules! shipped {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../devices/", $name, ".yaml")))),+]
    };
}

const SHIPPED: &[(&str, &str)] = shipped![
    "google_willow",
    "ibm_berlin",
    "ibm_boston",
    "ibm_brisbane",
    "ibm_fez",
    "ibm_guadalupe",
    "ibm_kingston",
    "ibm_marrakesh",
    "ibm_miami",
    "ibm_montreal",
    "ibm_sherbrooke",
    "ibm_torino",
    "ionq_aria",
    "ionq_forte",
    "ionq_harmony",
    "iqm_garnet",
    "local_simulator",
    "quantinuum_h1",
    "quantinuum_h2",
    "rigetti_ankaa_3",
    "rigetti_aspen_m",
];

/// Why a reference leads to no device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// No device of that name is shipped.
    #[error("no device is called `{name}`; hint: {hint}, or give the path of a file")]
    Unknown {
        /// The name.
        name: String,
        /// Near names and all names.
        hint: String,
    },
    /// The file is wrong.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Names of all shipped devices, ascending.
pub fn names() -> impl ExactSizeIterator<Item = &'static str> + Clone {
    SHIPPED.iter().map(|(name, _)| *name)
}

/// The file of a shipped device.
pub fn text(name: &str) -> Option<&'static str> {
    SHIPPED.binary_search_by_key(&name, |(known, _)| known).ok().map(|index| SHIPPED[index].1)
}

/// Loads a shipped device.
pub fn load(name: &str) -> Result<DeviceSpec, CatalogueError> {
    match text(name) {
        Some(text) => Ok(DeviceSpec::from_yaml(text, &format!("devices/{name}.yaml"))?),
        None => Err(unknown(name)),
    }
}

/// Loads a device from a reference: a path, relative to `base_dir`, when it contains `/` or ends in `.yaml` or
/// `.yml`; otherwise the name of a shipped device.
pub fn resolve(reference: &str, base_dir: &Path) -> Result<DeviceSpec, CatalogueError> {
    let is_path = reference.contains('/') || reference.ends_with(".yaml") || reference.ends_with(".yml");
    if is_path { Ok(DeviceSpec::from_file(&base_dir.join(reference))?) } else { load(reference) }
}

fn unknown(name: &str) -> CatalogueError {
    let all = names().collect::<Vec<_>>().join(", ");
    let lower = name.to_lowercase();
    // `fez` means ibm_fez.
    let inside = |known: &&str| lower.len() >= 3 && known.contains(&lower);
    let mut close: Vec<&str> = names().filter(inside).collect();
    close.extend(near(name, names()).into_iter().filter(|known| !known.contains(&lower)));
    let hint = match &close[..] {
        [] => format!("known names are {all}"),
        close => format!("did you mean {}? known names are {all}", close.join(" or ")),
    };
    CatalogueError::Unknown { name: name.chars().take(64).collect(), hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_device_loads_under_its_name_and_writes_back() {
        for name in names() {
            let device = load(name).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(device.name, name);
            assert_eq!(DeviceSpec::from_yaml(&device.to_yaml(), name).as_ref(), Ok(&device), "{name}");
            assert!(text(name).unwrap().len() < 60_000, "{name}");
            assert!(device.calibration.couplers.iter().any(|coupler| !coupler.dead), "{name}");
        }
        assert!(names().is_sorted());
    }

    #[test]
    fn an_unknown_name_is_answered_with_near_ones() {
        let hint = |name: &str| load(name).unwrap_err().to_string();
        assert!(
            hint("fez").starts_with("no device is called `fez`; hint: did you mean ibm_fez? known names are")
        );
        assert!(hint("ibm_fes").contains("did you mean ibm_fez?"));
        assert!(hint("xyz").contains("hint: known names are google_willow, "));
        let missing = resolve("no/such.yaml", Path::new("base")).unwrap_err().to_string();
        assert!(missing.starts_with("base/no/such.yaml: cannot read: "), "{missing}");
    }
}
