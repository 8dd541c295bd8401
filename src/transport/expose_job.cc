#include "transport/expose_job.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "shm/source_file.h"
#include "transport/pieces.h"

namespace rgtp::transport {

ExposeJob::ExposeJob(std::shared_ptr<ExposerCore> core, std::weak_ptr<EventLoop> loop, Source source,
                     ExposeOptions options, std::shared_ptr<detail::PendingState<Surface>> pending)
    : core_(std::move(core)),
      loop_(std::move(loop)),
      source_(std::move(source)),
      options_(std::move(options)),
      pending_(std::move(pending)) {}

// Nobody took the surface: the Exposer or the loop went, or its name could not be had.
ExposeJob::~ExposeJob() {
  if (exposed_ != nullptr) exposed_->withdraw();
}

template <class Work, class Then>
void ExposeJob::on_worker(Work work, Then then) {
  auto result = std::make_shared<Result<void>>();
  core_->loop().offload([self = shared_from_this(), result, work] { *result = work(); },
                        [self = shared_from_this(), result, then] {
                          if (self->closing_ != nullptr && !self->core_->is_closed())
                            then(std::move(*result));
                        });
}

void ExposeJob::start() {
  closing_ = core_->loop().on_closing([weak = weak_from_this()] {
    if (const auto self = weak.lock())
      self->end(fail(Errc::closed, "the event loop was closed while the surface was being prepared"));
  });
  on_worker([this] { return open_source(); },
            [this](Result<void> opened) { on_source_opened(std::move(opened)); });
}

Result<void> ExposeJob::open_source() {
  if (const auto* memory = std::get_if<Source::Memory>(&source_.what()))
    return set_manifest(memory->bytes.size(), options_.name);
  const auto* snapshot = std::get_if<Source::Snapshot>(&source_.what());
  const auto& path = snapshot != nullptr ? snapshot->path : std::get<Source::File>(source_.what()).path;
  auto file = shm::SourceFile::open(path);
  if (!file) return fail(std::move(file).error());
  const bool is_copied = snapshot != nullptr || options_.protection == Protection::sealed;
  (is_copied ? original_ : region_) = *file;
  return set_manifest((*file)->size(), options_.name.empty() ? path.filename().string() : options_.name);
}

Result<void> ExposeJob::set_manifest(std::uint64_t size, std::string name) {
  auto made = make_manifest(size, std::move(name), options_.chunk_bytes);
  if (!made) return fail(std::move(made).error());
  auto protection = SurfaceProtection::apply(options_, *made);
  if (!protection) return fail(std::move(protection).error());
  manifest_ = std::move(*made);
  protection_ = std::move(*protection);
  if (protection_.rooted) {
    leaves_.resize(manifest_.chunk_count());
    tags_.resize(manifest_.chunk_count());
  }
  return {};
}

void ExposeJob::on_source_opened(Result<void> opened) {
  if (opened && region_ == nullptr) {
    auto allocated = core_->allocate(manifest_, options_);
    if (allocated) {
      region_ = std::move(allocated->region);
      memory_ = std::move(allocated->memory);
    } else {
      opened = fail(std::move(allocated).error());
    }
  }
  if (!opened) return finish(std::move(opened));
  store_ = std::make_shared<core::SurfaceStore>(manifest_, region_);
  next_pieces();
}

void ExposeJob::next_pieces() {
  const std::uint32_t chunks = manifest_.chunk_count();
  while (result_ && running_ < most_pieces_running && begun_ < chunks) {
    const std::uint32_t first = begun_;
    begun_ = std::min(chunks, begun_ + std::max(1U, piece_bytes / manifest_.chunk_bytes));
    ++running_;
    on_worker([this, first, end = begun_] { return store_piece(first, end); },
              [this](Result<void> stored) { on_stored(std::move(stored)); });
  }
  if (running_ > 0) return;
  if (!result_ || !protection_.rooted) return check_source();
  on_worker([this] { return publish_under_root(); },
            [this](Result<void> published) {
              result_ = std::move(published);
              check_source();
            });
}

void ExposeJob::check_source() {
  const auto& source = original_ != nullptr ? original_ : region_;
  if (!result_ || !source->file()) return finish(result_);
  on_worker([source] { return source->check_unchanged(ReadMode::may_block); },
            [this](Result<void> unchanged) { finish(std::move(unchanged)); });
}

void ExposeJob::on_stored(Result<void> stored) {
  --running_;
  if (result_) result_ = std::move(stored);
  next_pieces();
}

Result<void> ExposeJob::store_piece(std::uint32_t first_chunk, std::uint32_t end_chunk) {
  std::vector<std::byte> buffer;
  ChunkStorer storer(manifest_, protection_);
  for (ChunkIndex chunk{first_chunk}; chunk.value < end_chunk; ++chunk.value) {
    const auto bytes = bring(chunk, buffer);
    if (!bytes) return fail(bytes.error());
    if (!store_->claim(chunk)) return fail(Errc::invalid_argument, "a chunk was to be stored twice");
    const auto stored = storer.store(chunk, *bytes, manifest_.size, *region_);
    if (!stored) return fail(stored.error());
    if (protection_.rooted) {
      leaves_[chunk.value] = core::merkle_leaf(stored->bytes, stored->tag);
      tags_[chunk.value] = stored->tag;
    } else {
      store_->publish_claimed(chunk, stored->tag);
    }
  }
  return {};
}

// Of a chunk's proof every other chunk is a part.
Result<void> ExposeJob::publish_under_root() {
  const core::MerkleTree tree(std::move(leaves_));
  std::vector<std::byte> trailer(manifest_.trailer_bytes);
  for (ChunkIndex chunk{0}; chunk.value < manifest_.chunk_count(); ++chunk.value) {
    std::ranges::copy(tags_[chunk.value], trailer.begin());
    tree.prove(chunk, std::span(trailer).subspan(sizeof(core::Tag)));
    store_->publish_claimed(chunk, trailer);
  }
  store_->set_tree_head(tree.head());
  root_ = core::surface_root(manifest_, tree.head());
  return {};
}

// What is copied is tagged as copied, in case that somebody writes to the source all the same.
Result<std::span<const std::byte>> ExposeJob::bring(ChunkIndex chunk, std::vector<std::byte>& buffer) {
  const std::uint64_t offset = manifest_.offset_of(chunk);
  const std::uint32_t length = manifest_.length_of(chunk);
  if (const auto* memory = std::get_if<Source::Memory>(&source_.what())) {
    if (protection_.is_sealed()) return memory->bytes.subspan(offset, length);
    if (auto written = region_->write(offset, memory->bytes.subspan(offset, length)); !written)
      return fail(std::move(written).error());
    return region_->mapped().subspan(offset, length);
  }
  const bool is_in_place = original_ != nullptr && !protection_.is_sealed();
  if (is_in_place) {
    if (auto reserved = region_->reserve(offset, length); !reserved) return fail(std::move(reserved).error());
  } else {
    buffer.resize(length);
  }
  const auto part = is_in_place ? region_->writable().subspan(offset, length) : std::span(buffer);
  auto read = (original_ != nullptr ? original_ : region_)->read(offset, part, ReadMode::may_block);
  if (!read) return fail(std::move(read).error());
  return part;
}

void ExposeJob::finish(Result<void> result) {
  original_.reset();
  if (!result) return end(std::move(result));
  store_->end(SurfaceState::finished);
  auto exposed = core_->offer({store_, protection_, root_, std::move(memory_)}, options_);
  if (!exposed) return end(fail(std::move(exposed).error()));
  exposed_ = std::move(*exposed);
  if (options_.local_name.empty()) return end({});
  on_worker([this] { return exposed_->take_local_name(options_); },
            [this](Result<void> taken) { end(std::move(taken)); });
}

void ExposeJob::end(Result<void> result) {
  closing_.reset();
  if (result)
    core_->hand_over(loop_, std::exchange(exposed_, nullptr), *pending_);
  else
    pending_->resolve(fail(std::move(result).error()));
}

}  // namespace rgtp::transport
