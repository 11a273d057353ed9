//! Why a command failed, and with which exit code.

use crate::config_file::{ConfigFileError, SetError};
use crate::experiment::check::NotReady;
use crate::experiment::check::baseline::BaselineError;
use crate::experiment::check::speed::SpeedError;
use crate::experiment::compare::CompareError;
use crate::experiment::folder::FolderError;
use crate::experiment::run::RunError;
use crate::report::into_folder::IntoFolderError;

/// A message and the exit code that goes with it.
#[derive(Debug)]
pub struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// The input or the usage was wrong.
    pub fn input(message: impl ToString) -> Self {
        Self { message: message.to_string(), code: 2 }
    }

    /// Something went wrong that the user did not write.
    pub fn failed(message: impl ToString) -> Self {
        Self { message: message.to_string(), code: 1 }
    }

    /// All was done, but what came out is not what was asked for.
    pub fn missed(message: impl ToString) -> Self {
        Self { message: message.to_string(), code: 99 }
    }

    /// What to tell the user.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// How to exit.
    pub fn exit_code(&self) -> u8 {
        self.code
    }
}

impl From<ConfigFileError> for Failure {
    fn from(error: ConfigFileError) -> Self {
        Self::input(error)
    }
}

impl From<SetError> for Failure {
    fn from(error: SetError) -> Self {
        Self::input(error)
    }
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Self {
        match error {
            FolderError::OtherRun(_) | FolderError::NoRun(_) | FolderError::IsFile(_) => Self::input(error),
            FolderError::Busy(_)
            | FolderError::Mixed(_)
            | FolderError::Write { .. }
            | FolderError::World(_) => Self::failed(error),
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Self::failed(error)
    }
}

impl From<IntoFolderError> for Failure {
    fn from(error: IntoFolderError) -> Self {
        match error {
            IntoFolderError::Run(error) => error.into(),
            IntoFolderError::Compare(error) => error.into(),
            IntoFolderError::Folder(error) => error.into(),
            IntoFolderError::NoPage(_) => Self::input(error),
            IntoFolderError::Plot(_) | IntoFolderError::Read(_) | IntoFolderError::Page { .. } => {
                Self::failed(error)
            }
        }
    }
}

impl From<NotReady> for Failure {
    fn from(error: NotReady) -> Self {
        Self::input(error)
    }
}

impl From<BaselineError> for Failure {
    fn from(error: BaselineError) -> Self {
        Self::input(error)
    }
}

impl From<SpeedError> for Failure {
    fn from(error: SpeedError) -> Self {
        match error {
            SpeedError::Start { .. } => Self::input(error),
            SpeedError::Failed { .. } | SpeedError::NoFigures { .. } | SpeedError::Temporary(_) => {
                Self::failed(error)
            }
        }
    }
}

impl From<CompareError> for Failure {
    fn from(error: CompareError) -> Self {
        match error {
            CompareError::Set(_) | CompareError::Scenario(_) | CompareError::Comparison(_) => {
                Self::input(error)
            }
            CompareError::Run { .. } | CompareError::Broken { .. } | CompareError::WarmUp(_) => {
                Self::failed(error)
            }
        }
    }
}
