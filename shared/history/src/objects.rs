//! Where files are kept: a folder, or a prefix of a bucket of Amazon S3.

mod folder;
mod s3;

use aws_config::SdkConfig;
use bytes::Bytes;
use contacts_settings::ObjectsUrl;

use s3::S3;

/// A store of named bytes. A name is words of `A-Z a-z 0-9 - _ .`, separated by slashes. Clones are the same
/// store.
#[derive(Clone, Debug)]
pub struct Objects {
    place: Place,
    /// After so many more operations the store is gone, as it is for a process that dies.
    #[cfg(test)]
    pub(crate) fuse: Option<std::sync::Arc<std::sync::atomic::AtomicIsize>>,
}

#[derive(Clone, Debug)]
enum Place {
    Folder(folder::Folder),
    S3(S3),
}

/// The store did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the object store failed: {operation}: {why}")]
pub struct ObjectsError {
    /// What was asked, in S3's words.
    pub operation: &'static str,
    /// What came of it; no name, no address and no secret.
    pub why: String,
}

impl ObjectsError {
    fn new(operation: &'static str, why: impl std::fmt::Display) -> Self {
        let why = why.to_string();
        Self { operation, why }
    }
}

/// The result of an operation.
pub(crate) type Result<T> = std::result::Result<T, ObjectsError>;

impl Objects {
    /// The store that `url` names; `sdk` says how S3 is reached. Calls nothing yet.
    #[must_use]
    pub fn at(url: &ObjectsUrl, sdk: &SdkConfig) -> Self {
        Self::new(match url {
            ObjectsUrl::Folder(dir) => Place::Folder(folder::Folder::new(dir)),
            ObjectsUrl::S3 { bucket, prefix } => Place::S3(S3::new(sdk, bucket, prefix)),
        })
    }

    /// A folder of this machine, which is made when it is first written to.
    #[must_use]
    pub fn folder(dir: &std::path::Path) -> Self {
        Self::new(Place::Folder(folder::Folder::new(dir)))
    }

    fn new(place: Place) -> Self {
        Self {
            place,
            #[cfg(test)]
            fuse: None,
        }
    }

    /// The bytes of this name, if there are any.
    ///
    /// # Errors
    /// The store fails.
    pub async fn get(&self, name: &str) -> Result<Option<Bytes>> {
        self.burn("GetObject")?;
        match &self.place {
            Place::Folder(folder) => folder.get(name).await,
            Place::S3(s3) => s3.get(name).await,
        }
    }

    /// Keeps bytes under a name, in place of those that were there. Nobody sees them by half.
    ///
    /// # Errors
    /// The store fails; the bytes may be there all the same.
    pub async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        self.burn("PutObject")?;
        match &self.place {
            Place::Folder(folder) => folder.put(name, bytes).await,
            Place::S3(s3) => s3.put(name, bytes.into()).await,
        }
    }

    /// Removes a name. One that is not there is no error.
    ///
    /// # Errors
    /// The store fails.
    pub async fn delete(&self, name: &str) -> Result<()> {
        self.burn("DeleteObject")?;
        match &self.place {
            Place::Folder(folder) => folder.delete(name).await,
            Place::S3(s3) => s3.delete(name).await,
        }
    }

    /// The names that begin with `folder`, which ends with a slash, in order.
    ///
    /// # Errors
    /// The store fails.
    pub async fn list(&self, folder: &str) -> Result<Vec<String>> {
        self.burn("ListObjectsV2")?;
        match &self.place {
            Place::Folder(dir) => dir.list(folder).await,
            Place::S3(s3) => s3.list(folder).await,
        }
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "tests do")]
    fn burn(&self, _: &'static str) -> Result<()> {
        Ok(())
    }

    #[cfg(test)]
    fn burn(&self, operation: &'static str) -> Result<()> {
        use std::sync::atomic::Ordering;
        match &self.fuse {
            Some(fuse) if fuse.fetch_sub(1, Ordering::AcqRel) <= 0 => {
                Err(ObjectsError::new(operation, "gone"))
            }
            _ => Ok(()),
        }
    }
}
