use crate::error::AppError;

/// Everything that `page` gives, page by page, where `key` of the last item asks for the next page.
pub(crate) fn pages<'a, T: 'a, K: 'a>(
    first: K,
    mut page: impl FnMut(K) -> Result<Vec<T>, AppError> + 'a,
    key: impl Fn(&T) -> K + 'a,
) -> impl Iterator<Item = Result<T, AppError>> + 'a {
    let mut next = Some(first);
    std::iter::from_fn(move || {
        let items = page(next.take()?);
        next = items.as_ref().ok().and_then(|items| items.last()).map(&key);
        match items {
            Ok(items) if items.is_empty() => None,
            Ok(items) => Some(items.into_iter().map(Ok).collect()),
            Err(error) => Some(vec![Err(error)]),
        }
    })
    .flatten()
}

/// The first of them, at most `limit`.
pub(crate) fn first<T>(
    items: impl Iterator<Item = Result<T, AppError>>,
    limit: u32,
) -> Result<Vec<T>, AppError> {
    items.take(limit as usize).collect()
}
