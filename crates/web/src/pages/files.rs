//! Files that forms send.

use axum::extract::Multipart;
use axum::extract::multipart::MultipartError;
use rollcall_app::App;
use rollcall_domain::Upload;

use crate::blocking;
use crate::problem::Problem;

/// Keeps the file of a form for a day; none: nobody has chosen one.
pub(super) async fn keep_file(app: App, mut parts: Multipart) -> Result<Option<Upload>, Problem> {
    let wrong = |error: MultipartError| Problem::new(error.status(), error.body_text());
    while let Some(mut part) = parts.next_field().await.map_err(wrong)? {
        let name = match (part.name(), part.file_name()) {
            (Some("file"), Some(name)) if !name.is_empty() => name.to_owned(),
            _ => continue,
        };
        let mut uploading = blocking(move || app.uploads().start(&name)).await?;
        while let Some(piece) = part.chunk().await.map_err(wrong)? {
            uploading = blocking(move || {
                uploading.append(&piece)?;
                Ok(uploading)
            })
            .await?;
        }
        return blocking(move || uploading.finish()).await.map(Some);
    }
    Ok(None)
}
