//! The digest of a working tree.

use std::{
    fs::{self, File},
    os::unix::ffi::OsStrExt as _,
    path::Path,
};

use proofmark_core::{Digest, sha256::Sha256};

use crate::RecordError;

/// The most files of a tree, and the deepest folder.
const MAX_FILES: usize = 1_000_000;
const MAX_DEPTH: usize = 128;

/// SHA-256 under the domain `proofmark/tree/v1` over every file below a folder in the order of their paths: the path's
/// length and bytes, a kind (0 file, 1 symbolic link), and the SHA-256 of the content or of the link's target.
///
/// `.git` folders are left out; files that are neither plain nor links are too.
///
/// # Errors
/// If something cannot be read, or there is too much of it.
pub fn tree_digest(root: &Path) -> Result<Digest, RecordError> {
    let mut files = Vec::new();
    walk(root, root, 0, &mut files)?;
    files.sort();
    let mut hasher = Sha256::domain("proofmark/tree/v1");
    for (path, link) in files {
        let full = root.join(std::ffi::OsStr::from_bytes(&path));
        let failed = |e| RecordError::io(&full, e);
        let content = if link {
            Digest::of(fs::read_link(&full).map_err(failed)?.as_os_str().as_bytes())
        } else {
            let file = File::open(&full).map_err(failed)?;
            proofmark_witness::perf_digest(file, u64::MAX - 1).map_err(failed)?.0
        };
        hasher.update(&(path.len() as u64).to_be_bytes());
        hasher.update(&path);
        hasher.update(&[u8::from(link)]);
        hasher.update(content.as_bytes());
    }
    Ok(Digest::sha256(hasher.finish()))
}

fn walk(
    root: &Path,
    folder: &Path,
    depth: usize,
    files: &mut Vec<(Vec<u8>, bool)>,
) -> Result<(), RecordError> {
    let failed = |e| RecordError::io(folder, e);
    if depth > MAX_DEPTH || files.len() > MAX_FILES {
        return Err(failed(std::io::Error::other("the tree is too deep or has too many files")));
    }
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (kind, path) = (entry.file_type().map_err(failed)?, entry.path());
        if kind.is_dir() {
            if entry.file_name() != ".git" {
                walk(root, &path, depth + 1, files)?;
            }
        } else if kind.is_file() || kind.is_symlink() {
            let relative = path.strip_prefix(root).expect("a walk stays below its root");
            files.push((relative.as_os_str().as_bytes().to_vec(), kind.is_symlink()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_its_names_and_contents() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir(root.join("b")).unwrap();
        fs::write(root.join("a"), "1").unwrap();
        fs::write(root.join("b/c"), "2").unwrap();
        let first = tree_digest(root).unwrap();
        assert_eq!(tree_digest(root).unwrap(), first);
        fs::write(root.join("b/c"), "3").unwrap();
        let second = tree_digest(root).unwrap();
        assert_ne!(first, second);
        fs::rename(root.join("b/c"), root.join("b/d")).unwrap();
        assert_ne!(tree_digest(root).unwrap(), second);
        fs::create_dir(root.join(".git")).unwrap();
        let before = tree_digest(root).unwrap();
        fs::write(root.join(".git/HEAD"), "x").unwrap();
        assert_eq!(tree_digest(root).unwrap(), before);
    }
}
