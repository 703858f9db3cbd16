/*
 * recist.hpp - recist.h for C++11: a model that closes itself, statuses as exceptions.
 *
 * recist.h is the manual; what it says of threads, units and ownership holds here too. The model's block comes
 * from the heap when a model is made; after that only what C++ takes for an exception does. The bundle stays
 * borrowed.
 */
#ifndef RECIST_HPP
#define RECIST_HPP

#include <cstddef>
#include <exception>
#include <memory>
#include <stdexcept>

#include "recist.h"

namespace recist {

/* A status other than RECIST_OK. */
class error : public std::exception {
public:
    explicit error(recist_status status) noexcept : status_(status) {}
    recist_status status() const noexcept { return status_; }
    const char *what() const noexcept override { return recist_status_text(status_); }

private:
    recist_status status_;
};

/* An open model. It moves; one that was moved from throws RECIST_NULL. */
class model {
public:
    /* bundle lies at a multiple of RECIST_BUNDLE_ALIGNMENT and outlives the model. Throws error; std::logic_error if
     * the library has another interface than the header. */
    model(const void *bundle, std::size_t bundle_bytes)
    {
        if (recist_abi_version() != RECIST_ABI_VERSION) throw std::logic_error("librecist and recist.h differ");
        std::size_t bytes, alignment;
        check(recist_memory_required(bundle, bundle_bytes, &bytes, &alignment));
        std::size_t room = bytes + alignment;
        std::unique_ptr<unsigned char[]> block(new unsigned char[room]);
        void *memory = block.get();
        std::align(alignment, bytes, memory, room);
        recist_model *opened;
        check(recist_open(bundle, bundle_bytes, memory, bytes, &opened));
        model_ = handle(opened, closer{ std::move(block) });
    }

    recist_measurement measure(const recist_slice &slice, const recist_box &box,
                               const recist_options *options = nullptr)
    {
        recist_measurement out = RECIST_MEASUREMENT_INIT;
        check(recist_measure(model_.get(), &slice, &box, options, &out));
        return out;
    }

    recist_info describe()
    {
        recist_info out = RECIST_INFO_INIT;
        check(recist_describe(model_.get(), &out));
        return out;
    }

    void self_test(int32_t kernel = RECIST_KERNEL_AUTO) { check(recist_self_test(model_.get(), kernel)); }

private:
    /* Owns the block, so that the model is closed before its memory goes. */
    struct closer {
        std::unique_ptr<unsigned char[]> block;
        void operator()(recist_model *model) const noexcept { recist_close(model); }
    };
    typedef std::unique_ptr<recist_model, closer> handle;

    static void check(recist_status status)
    {
        if (status != RECIST_OK) throw error(status);
    }

    handle model_;
};

} // namespace recist

#endif
